// Feature regression of SD 1.4-sized UNets (base + 3, float16) with random columns as their inputs, against a
// FeatureFusion merge of the same models: time and peak memory, after a build.
//   node scripts/run-ts.mjs tests/bench/matrices/feature-regression.ts FOLDER [COLUMNS] [SPECIALISTS] [ROUNDS]     256, 3 and 2
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { calibratedLayers } from '../../../src-main/engine/calibrate/calibrate'
import { denoiserFiles } from '../../../src-main/engine/merge/plan/calibration/calibrated-models'
import { CalibrationWriter } from '../../../src-main/engine/merge/plan/calibration/calibration-file'
import { hashFile } from '../../../src-main/engine/checkpoint/hash'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import { TorchGenerator } from '../../../src-main/engine/random'
import { FloatEncoder } from '../../../src-main/engine/tensor/float-encoder'
import { inWords, measureProcess, type Measured } from '../measure/process-tree'
import { writeSyntheticUnets } from '../inputs/synthetic-unets'

const [folder = 'out/bench-data', samples = '256', specialists = '3', rounds = '2'] = process.argv.slice(2)
const paths = writeSyntheticUnets(resolve(folder), Number(specialists))
const calibration = join(resolve(folder), `columns-${samples}-${specialists}.safetensors`)

const SHIFT = 1000

/** N(0, 1) as the inputs of every layer: what they are changes no time. */
async function writeColumns(count: number): Promise<void> {
  const cacheFolder = resolve(folder)
  const checkpoints = await Promise.all(paths.map((path) => openCheckpoint(path)))
  const layers = calibratedLayers(checkpoints[0]!)
  const models = []
  for (const [index, checkpoint] of checkpoints.entries()) {
    const sha256 = await Promise.all(denoiserFiles(checkpoint).map((path) => hashFile(path, { cacheFolder })))
    models.push({
      name: String(index),
      sha256,
      source: { kind: 'data' as const, domains: [], pictures: 1, timesteps: [] },
    })
  }
  const record = { format: 'featurefusion-calibration' as const, version: 1 as const, samples: count, seed: 0, models }
  const writer = await CalibrationWriter.create(calibration, layers, record, true)
  // Models begin at different places of one table.
  const longest = count * Math.max(...layers.map(({ inputs }) => inputs)) + SHIFT * models.length
  const table = new Uint8Array(longest * 2)
  new FloatEncoder().encode(new TorchGenerator(0).randn(longest), 'F16', (at, part) => table.set(part, at))
  for (const model of models.keys())
    for (const { module, inputs } of layers) {
      const first = model * SHIFT * 2
      writer.add(model, { module, inputs, count, bytes: table.subarray(first, first + count * inputs * 2) })
    }
  await writer.finish()
}

async function measureMerge(...method: string[]): Promise<Measured> {
  const output = join(resolve(folder), 'merged.safetensors')
  const [base, ...others] = paths
  const sources = ['--base', base!, ...others.flatMap((path) => ['--specialist', path])]
  const run = await measureProcess(
    process.execPath,
    [resolve('out/main/cli.js'), 'merge', ...sources, ...method, '--device', 'cpu', '--overwrite', '--out', output],
    { ...process.env, FEATUREFUSION_CACHE: resolve(folder) },
  )
  rmSync(output)
  return run
}

await writeColumns(Number(samples))
console.log(`${paths.length} models, ${samples} columns each`)
const runs: Measured[][] = [[], []]
for (let round = 0; round < Number(rounds); round++) {
  runs[0]!.push(await measureMerge())
  runs[1]!.push(await measureMerge('--method', 'feature-regression', '--calibration', calibration))
}
rmSync(calibration)
const [fusion, regression] = runs as [Measured[], Measured[]]
console.log(`FeatureFusion:      ${inWords(fusion)}`)
console.log(`feature regression: ${inWords(regression)}`)
const best = (all: readonly Measured[]): number => Math.min(...all.map(({ cpuSeconds }) => cpuSeconds))
console.log(`processor time regression / FeatureFusion: ${(best(regression) / best(fusion)).toFixed(2)}`)
