import { pathToFileURL } from 'node:url'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { vi } from 'vitest'
import { createProgram, exitCodeOf } from '../../src-main/cli/program'
import { CLIP_VOCABULARY } from '../unit/engine/merge/models'
import { DEMO } from '../unit/demo-family'
import type { Ended } from './command-line'

/** The command line of this process: of the sources, over the built threads. */
export function commandLineHere(): Command {
  const builtFolder = pathToFileURL(resolve('out/main')).href + '/'
  return createProgram({
    workerFile: new URL('tensor-worker.js', builtFolder),
    clipVocabulary: CLIP_VOCABULARY,
    demoFolder: DEMO,
    builtFolder: new URL(builtFolder),
    extractFile: new URL('extract-process.js', builtFolder),
  })
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
    const code = await exitCodeOf(commandLineHere(), args)
    return { code, ...printed }
  } finally {
    process.exitCode = undefined
    for (const spy of spies) spy.mockRestore()
  }
}
