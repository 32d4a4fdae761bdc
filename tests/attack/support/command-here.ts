import { pathToFileURL } from 'node:url'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { vi } from 'vitest'
import { createProgram, exitCodeOf, type BuiltFiles } from '../../../src-main/cli/program'
import { CLIP_VOCABULARY } from '../../unit/engine/merge/models'
import { DEMO } from '../../unit/demo-family'
import type { Ended } from './command-line'

/** The built threads under the sources. */
function filesHere(): BuiltFiles {
  const builtFolder = pathToFileURL(resolve('out/main')).href + '/'
  return {
    workerFile: new URL('tensor-worker.js', builtFolder),
    clipVocabulary: CLIP_VOCABULARY,
    demoFolder: DEMO,
    builtFolder: new URL(builtFolder),
    extractFile: new URL('extract-process.js', builtFolder),
  }
}

/** All commands of this process. */
export function commandLineHere(): Promise<Command> {
  return createProgram(filesHere())
}

/** Runs a command in this process, which costs a fraction of one of its own; not at once with others. */
export async function runHere(args: readonly string[]): Promise<Pick<Ended, 'code' | 'stdout' | 'stderr'>> {
  const printed = { stdout: '', stderr: '' }
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      printed[stream] += String(text)
      return true
    }),
  )
  try {
    const code = await exitCodeOf(filesHere(), args)
    return { code, ...printed }
  } finally {
    process.exitCode = undefined
    for (const spy of spies) spy.mockRestore()
  }
}
