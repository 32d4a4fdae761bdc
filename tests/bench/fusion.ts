// FeatureFusion of SD 1.4-sized UNets (base + 3, float16) against the bare matrix products of the same sizes in ONNX
// Runtime: every layer shape's products are timed before and after the merges and counted as often as they occur.
//   node scripts/run-ts.mjs tests/bench/fusion.ts FOLDER [SPECIALISTS] [THRESHOLD …]     thresholds: 0 auto (default both)
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openCheckpoint } from '../../src-main/engine/checkpoint/open'
import { GraphBuilder } from '../../src-main/engine/graph/onnx-builder'
import { methodSchema } from '../../src-main/contract/project'
import { layersOf } from '../../src-main/engine/merge/layers'
import { createSession } from '../../src-main/engine/runtime/session'
import { inWords, measureProcess } from './process-tree'
import { writeSyntheticUnets } from './synthetic-unets'

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
  const unet = (await openCheckpoint(paths[0]!)).components.get('unet')!
  const sizes = new Map<string, LayerSize>()
  for (const { shape } of layersOf(unet, methodSchema.parse({}))) {
    const rows = shape[0]!
    const inputs = shape.slice(1).reduce((product, size) => product * size, 1)
    const size = sizes.get(`${rows} ${inputs}`) ?? { rows, inputs, times: 0 }
    sizes.set(`${rows} ${inputs}`, { ...size, times: size.times + 1 })
  }
  return [...sizes.values()]
}

/** Seconds of base · modelᵀ and P · model for one model. */
async function timeProducts({ rows, inputs }: LayerSize): Promise<number> {
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
  await session.run({ base: matrix, model: matrix }, into)
  const seconds = (performance.now() - started) / 1000
  await session.release()
  return seconds
}

async function bareProducts(sizes: readonly LayerSize[]): Promise<number> {
  let seconds = 0
  for (const size of sizes) seconds += (await timeProducts(size)) * size.times * paths.length
  return seconds
}

const sizes = await layerSizes()
const flops = sizes.reduce((sum, { rows, inputs, times }) => sum + 4 * rows * rows * inputs * times * paths.length, 0)
console.log(`${paths.length} models, ${(flops / 1e12).toFixed(1)} TFLOP of products without a threshold`)
const bare = [await bareProducts(sizes)]
console.log(`bare products before: ${bare[0]!.toFixed(1)} s (${(flops / bare[0]! / 1e9).toFixed(0)} GFLOP/s)`)
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
  const reference = (bare.at(-1)! + bare.at(-2)!) / 2
  console.log(
    `threshold ${threshold}: ${inWords([run])}; bare products around it ${reference.toFixed(1)} s ` +
      `(${bare.at(-2)!.toFixed(1)}, ${bare.at(-1)!.toFixed(1)}); ratio ${(run.seconds / reference).toFixed(2)}`,
  )
}
