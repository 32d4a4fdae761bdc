// 3 LoRA of rank 32 baked into an SD 1.4-sized UNet (float16), against a soup of two such files and against a plain
// PyTorch loop that loads, adds and saves: whole processes in turn, flushed to the disk, sources' hashes cached.
//   FEATUREFUSION_PYTHON=…/python node scripts/run-ts.mjs tests/bench/adapters/bake.ts FOLDER [RUNS]      FOLDER holds synthetic-unets.ts' files
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { inWords, measureProcess, median, type Measured } from '../measure/process-tree'
import { writeSyntheticAdapters } from '../inputs/synthetic-adapters'
import { writeSyntheticUnets } from '../inputs/synthetic-unets'

const ADAPTERS = 3
const RANK = 32
const LIMITS = { overSoup: 1.3, peakBytes: 600e6 }

const [given = 'out/bench-data', runs = '3'] = process.argv.slice(2)
const folder = resolve(given)
const python = process.env['FEATUREFUSION_PYTHON'] ?? 'python3'
const [base, other] = writeSyntheticUnets(folder, 1)
const adapters = writeSyntheticAdapters(folder, ADAPTERS, RANK)
const output = join(folder, 'baked.safetensors')

function merge(method: string, specialists: readonly string[]): string[] {
  const models = ['--base', base!, ...specialists.flatMap((path, index) => ['--specialist', `m${index + 1}=${path}`])]
  return [resolve('out/main/cli.js'), 'merge', '--method', method, ...models, '--overwrite', '--out', output]
}

const sides = {
  soup: { command: process.execPath, args: merge('soup', [other!]) },
  bake: { command: process.execPath, args: merge('task-arithmetic', adapters) },
  pytorch: { command: python, args: [resolve('tests/bench/adapters/pytorch_bake.py'), output, base!, ...adapters] },
}
const measured: Record<keyof typeof sides, Measured[]> = { soup: [], bake: [], pytorch: [] }
for (let run = -1; run < Number(runs); run++) {
  for (const side of Object.keys(sides) as (keyof typeof sides)[]) {
    // The first round only fills the caches: of hashes, and of the files' pages.
    if (run < 0 && side === 'pytorch') continue
    const one = await measureProcess(sides[side].command, sides[side].args)
    if (run >= 0) measured[side].push(one)
    rmSync(output)
  }
}
for (const [side, all] of Object.entries(measured)) console.log(`${side.padEnd(8)} ${inWords(all)}`)
const ratio = (over: keyof typeof sides, key: 'seconds' | 'cpuSeconds'): number =>
  median(measured.bake.map((one, run) => one[key] / measured[over][run]![key]))
const peak = Math.max(...measured.bake.map(({ peakBytes }) => peakBytes))
const verdict = (good: boolean): string => (good ? 'kept' : 'MISSED')
console.log(
  `time bake / soup: ${ratio('soup', 'seconds').toFixed(2)} (at most ${LIMITS.overSoup}: ` +
    `${verdict(ratio('soup', 'seconds') <= LIMITS.overSoup)}), processor time ${ratio('soup', 'cpuSeconds').toFixed(2)}`,
)
console.log(
  `time bake / PyTorch: ${ratio('pytorch', 'seconds').toFixed(2)}, processor time ${ratio('pytorch', 'cpuSeconds').toFixed(2)}`,
)
console.log(
  `peak of bake in MB: ${(peak / 1e6).toFixed(0)} (at most ${LIMITS.peakBytes / 1e6}: ${verdict(peak <= LIMITS.peakBytes)})`,
)
