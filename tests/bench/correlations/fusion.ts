// FeatureFusion of SD 1.4-sized UNets (base + 3, float16) against the bare matrix products of the same sizes in ONNX
// Runtime: every layer shape's products are timed before and after the merges and counted as often as they occur.
//   node scripts/run-ts.mjs tests/bench/correlations/fusion.ts FOLDER [SPECIALISTS] [THRESHOLD …]     thresholds: 0 auto (default both)
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import { GraphBuilder } from '../../../src-main/engine/graph/onnx-builder'
import { methodSchema } from '../../../src-main/contract/document/project'
import { layersOf } from '../../../src-main/engine/merge/plan/layers'
import { createSession } from '../../../src-main/engine/runtime/session'
import { inWords, measureProcess } from '../measure/process-tree'
import { writeSyntheticUnets } from '../inputs/synthetic-unets'

const [folder = 'out/bench-data', specialists = '3', ...given] = process.argv.slice(2)
const thresholds = given.length > 0 ? given : ['0', 'auto']
const paths = writeSyntheticUnets(resolve(folder), Number(specialists))

interface LayerSize {
  rows: number
  inputs: number
  times: number
}

/** Sizes of the layers' matrices with how often they occur. */
async function layerSizes(): Promise<LayerSize[]> {
  const checkpoint = await openCheckpoint(paths[0]!)
  const sizes = new Map<string, LayerSize>()
  for (const { shape } of layersOf(checkpoint, 'unet', methodSchema.parse({}))) {
    const rows = shape[0]!
    const inputs = shape.slice(1).reduce((product, size) => product * size, 1)
    const size = sizes.get(`${rows} ${inputs}`) ?? { rows, inputs, times: 0 }
    sizes.set(`${rows} ${inputs}`, { ...size, times: size.times + 1 })
  }
  return [...sizes.values()]
}

interface Times {
  seconds: number
  cpuSeconds: number
}

/** Time of base · modelᵀ and P · model for one model. */
async function timeProducts({ rows, inputs }: LayerSize): Promise<Times> {
  const graph = new GraphBuilder('products')
  const base = graph.input('base', 'F32', [rows, inputs])
  const model = graph.input('model', 'F32', [rows, inputs])
  const gram = graph.node('Gemm', [base, model], { transB: 1 })
  graph.output('merged', graph.node('MatMul', [gram, model]), 'F32', [rows, inputs])
  const session = await createSession(graph.toBytes(), { provider: 'cpu' })
  const dims = [rows, inputs]
  const matrix = { data: Float32Array.from({ length: rows * inputs }, (_, i) => Math.sin(i)), dims }
  const into = { merged: { data: new Float32Array(rows * inputs), dims } }
  if (rows * rows * inputs < 1e9) await session.run({ base: matrix, model: matrix }, into)
  const started = performance.now()
  const before = process.cpuUsage()
  await session.run({ base: matrix, model: matrix }, into)
  const { user, system } = process.cpuUsage(before)
  const seconds = (performance.now() - started) / 1000
  await session.release()
  return { seconds, cpuSeconds: (user + system) / 1e6 }
}

async function bareProducts(sizes: readonly LayerSize[]): Promise<Times> {
  const sum = { seconds: 0, cpuSeconds: 0 }
  for (const size of sizes) {
    const { seconds, cpuSeconds } = await timeProducts(size)
    sum.seconds += seconds * size.times * paths.length
    sum.cpuSeconds += cpuSeconds * size.times * paths.length
  }
  return sum
}

const sizes = await layerSizes()
const flops = sizes.reduce((sum, { rows, inputs, times }) => sum + 4 * rows * rows * inputs * times * paths.length, 0)
console.log(`${paths.length} models, ${(flops / 1e12).toFixed(1)} TFLOP of products without a threshold`)
const bare = [await bareProducts(sizes)]
console.log(
  `bare products before: ${bare[0]!.seconds.toFixed(1)} s (${(flops / bare[0]!.seconds / 1e9).toFixed(0)} GFLOP/s), ` +
    `${bare[0]!.cpuSeconds.toFixed(1)} s of processor time`,
)
for (const threshold of thresholds) {
  const output = join(folder, 'fusion.safetensors')
  const [base, ...others] = paths
  const sources = ['--base', base!, ...others.flatMap((path) => ['--specialist', path])]
  const run = await measureProcess(process.execPath, [
    ...[resolve('out/main/cli.js'), 'merge', ...sources],
    ...['--threshold', threshold, '--device', 'cpu', '--overwrite', '--out', output],
  ])
  rmSync(output)
  bare.push(await bareProducts(sizes))
  const [before, after] = [bare.at(-2)!, bare.at(-1)!]
  const ratio = (key: keyof Times): string => (run[key] / ((before[key] + after[key]) / 2)).toFixed(2)
  console.log(`threshold ${threshold}: ${inWords([run])}`)
  console.log(`  bare products around it ${before.seconds.toFixed(1)} s and ${after.seconds.toFixed(1)} s`)
  console.log(`  time merge / bare products: ${ratio('seconds')}, processor time ${ratio('cpuSeconds')}`)
}
