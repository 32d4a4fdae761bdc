import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../unit/engine/merge/models'
import { CommandLine } from './support/command-line'

const FAMILY = [
  ...['--base', 'resources/demo/base'],
  ...['--specialist', 'animals=resources/demo/animals', '--specialist', 'food=resources/demo/food'],
]
const THREADS = [1, 3]
/** Other tests may take the processor meanwhile. */
const LIMIT_MS = 120_000

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

it(
  'merges to the same bytes by any number of threads',
  async () => {
    const cli = new CommandLine(temporaryFolder())
    const hashes = new Set<string>()
    for (const threads of THREADS) {
      const out = join(cli.folder, `merged-${threads}`)
      const merge = ['merge', ...FAMILY, '--statistics', 'sampled', '--threads', String(threads), '--out', out]
      expect(await cli.run(merge, { limitMs: LIMIT_MS })).toMatchObject({ code: 0 })
      hashes.add(sha256(join(out, 'unet/diffusion_pytorch_model.safetensors')))
    }
    expect(hashes.size).toBe(1)
  },
  LIMIT_MS,
)

it(
  'gathers the same calibration by any number of threads',
  async () => {
    const cli = new CommandLine(temporaryFolder())
    const hashes = new Set<string>()
    for (const threads of THREADS) {
      const out = join(cli.folder, `calibration-${threads}.safetensors`)
      const data = ['--data', 'animals=resources/demo/evaluation', '--samples', '8']
      const calibrate = ['calibrate', ...FAMILY.slice(0, 4), ...data, '--threads', String(threads), '--out', out]
      expect(await cli.run(calibrate, { limitMs: LIMIT_MS })).toMatchObject({ code: 0 })
      hashes.add(sha256(out))
    }
    expect(hashes.size).toBe(1)
  },
  LIMIT_MS,
)
