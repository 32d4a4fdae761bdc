import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { attacks } from '../unit/engine/checkpoint/containers/pickle/attacks'
import {
  dict,
  legacyFile,
  pickle,
  tensor,
  text,
  torchFile,
} from '../unit/engine/checkpoint/containers/pickle/build-pickles'
import { DEMO } from '../unit/demo-family'
import { temporaryFolder } from '../unit/engine/merge/models'
import { CommandLine, type Ended } from './support/command-line'
import { NO_STRACE } from './support/system-calls'

// Processes that are started while other tests keep the machine busy.
vi.setConfig({ testTimeout: 120_000 })

const GOOD = resolve('tests/golden/layouts/sd1-ldm-fp16.ckpt')
const SINGLE = resolve('tests/golden/layouts/sd1-ldm.safetensors')

const COMMANDS: Readonly<Record<string, (model: string, out: string) => string[]>> = {
  open: (model) => ['open', model],
  'merge as base': (model, out) => ['merge', '--base', model, '--specialist', GOOD, '--out', out],
  'merge as specialist': (model, out) => ['merge', '--base', GOOD, '--specialist', model, '--out', out],
  'merge as VAE': (model, out) => ['merge', '--base', GOOD, '--specialist', SINGLE, '--vae', model, '--out', out],
  inspect: (model) => ['inspect', '--base', GOOD, '--specialist', model],
  generate: (model, out) => ['generate', '--model', model, '--prompt', 'a', '--steps', '1', '--out', out],
  embedding: (model, out) => ['generate', '--model', GOOD, '--embedding', model, '--prompt', 'a', '--out', out],
  evaluate: (model) => ['evaluate', '--base', GOOD, '--model', model, '--data', join(DEMO, 'evaluation')],
  verify: (model) => ['verify', model],
}

/** Runs a command on a model; under strace also says which programs it started. */
async function run(args: string[], folder: string): Promise<Ended & { started: string[] }> {
  const trace = join(folder, 'trace')
  const prefix = NO_STRACE === null ? ['strace', '-f', '-qq', '-e', 'trace=execve,execveat', '-o', trace] : []
  const ended = await new CommandLine(folder).run(args, { limitMs: 60_000, prefix })
  const lines = NO_STRACE === null ? readFileSync(trace, 'utf8').split('\n') : []
  const started = lines.flatMap((line) => /execve(?:at)?\(.*?"([^"]*)".*= 0$/.exec(line)?.[1] ?? [])
  return { ...ended, started }
}

describe.each(Object.entries(COMMANDS))('%s', (_, command) => {
  it('refuses a model that runs a command, and starts nothing', async () => {
    const folder = temporaryFolder()
    const marker = join(folder, 'attacked')
    const model = join(folder, 'model.ckpt')
    for (const file of [torchFile, legacyFile]) {
      writeFileSync(model, file(attacks(`touch ${marker}`)['os.system by REDUCE']!))
      const { code, hung, stderr, started } = await run(command(model, join(folder, 'out.safetensors')), folder)
      expect({ code, hung }).toEqual({ code: 1, hung: false })
      expect(stderr).toContain('names os.system')
      expect(started.filter((program) => program !== process.execPath)).toEqual([])
      expect(existsSync(marker)).toBe(false)
    }
  })
})

it('the attack would succeed where Python loads it', { skip: spawnSync('python3', ['--version']).status !== 0 }, () => {
  const marker = join(temporaryFolder(), 'attacked')
  const load =
    'import pickle, sys; u = pickle.Unpickler(sys.stdin.buffer); u.persistent_load = lambda i: None; u.load()'
  // Without tensors, whose functions need PyTorch.
  const input = attacks(`touch ${marker}`)['os.system in place of the weights']!
  spawnSync('python3', ['-c', load], { input })
  expect(existsSync(marker)).toBe(true)
})

it('names of what is left aside do nothing to a terminal', async () => {
  const folder = temporaryFolder()
  const model = join(folder, 'model.ckpt')
  const weights = dict({ state_dict: dict({ 'conv.weight': tensor() }), '\u001b]0;title\u0007\u202e': text('a') })
  writeFileSync(model, torchFile(pickle(weights)))
  const { code, stdout, stderr } = await new CommandLine(folder).run(['open', model])
  expect(code).toBe(0)
  expect(stdout + stderr).toMatch(/left aside/)
  // eslint-disable-next-line no-control-regex
  expect(stdout + stderr).not.toMatch(/[\u001b\u0007\u202e]/)
})
