// TSV-Merge, Iso-C or data-free regression of layers of SD 1.4's shapes (base + 4, float16) or of its UNet (base + 3), ours against fusion_bench's
// PyTorch functions: whole processes in turn, which read the same files and write what they merged. Then the error of our
// changes against the same in float64.
//   FEATUREFUSION_PYTHON=…/python node scripts/run-ts.mjs tests/bench/matrices/matrix-methods.ts FOLDER tsv|iso-c|data-free-regression [small|medium|large|unet]
// The layers are samples: all of a UNet take PyTorch many minutes. WUDI's 300 steps are timed by 3 of them.
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { encodeHeader } from '../../../src-main/engine/checkpoint/containers/safetensors-write'
import { TorchGenerator } from '../../../src-main/engine/random'
import { FloatEncoder } from '../../../src-main/engine/tensor/float-encoder'
import { inWords, measureProcess } from '../measure/process-tree'
import { writeSyntheticUnets } from '../inputs/synthetic-unets'

const [folder = 'out/bench-data', method = 'iso-c', size = 'small'] = process.argv.slice(2)
const python = process.env['FEATUREFUSION_PYTHON'] ?? 'python3'

/** Attention and convolutions of SD 1.4's levels, and its widest feed-forward layer. */
const LAYERS: Readonly<Record<string, readonly (readonly number[])[]>> = {
  small: [
    [320, 320],
    [320, 320, 3, 3],
  ],
  medium: [
    [640, 640],
    [640, 640, 3, 3],
    [1280, 1280],
  ],
  large: [
    [1280, 1280],
    [10240, 1280],
    [1280, 1280, 3, 3],
  ],
}
const SPECIALISTS = 4
const SCALE = 0.03
const DRIFT = 0.1

const shapes = LAYERS[size] ?? []
const names = shapes.map((_, at) => `layers.${at}.weight`)
const counts = shapes.map((shape) => shape.reduce((product, length) => product * length, 1))
mkdirSync(folder, { recursive: true })
const models =
  size === 'unet'
    ? writeSyntheticUnets(folder, 3)
    : Array.from({ length: SPECIALISTS + 1 }, (_, model) => writeModel(model))
const output = resolve(join(folder, 'merged.safetensors'))
rmSync(output, { force: true })
const ours = await measureProcess(process.execPath, [
  ...[resolve('out/main/cli.js'), 'merge', '--method', method, '--base', models[0]!],
  ...models.slice(1).flatMap((path) => ['--specialist', path]),
  ...['--dtype', size === 'unet' ? 'fp16' : 'fp32', '--out', output],
])
const theirs = await measureProcess(python, [
  'tests/bench/matrices/fusion_bench_matrices.py',
  method,
  output,
  ...models,
])
const layers = shapes.map((shape) => shape.join('×')).join(', ') || 'all of the UNet'
console.log(`${method}, ${layers}, ${models.length - 1} specialists`)
console.log(`ours          ${inWords([ours])}`)
console.log(`fusion_bench  ${inWords([theirs])}`)
console.log(theirs.output.trim().split('\n').slice(-2).join('\n'))
// Their function alone, without starting Python and reading files, against our whole process.
const [, seconds, processor, steps] = /function alone: (\S+) s, (\S+) s .*times (\d+)/.exec(theirs.output)!.map(Number)
console.log(
  `ours, whole process / fusion_bench, function alone: time ${(ours.seconds / (seconds! * steps!)).toFixed(3)}, ` +
    `processor time ${(ours.cpuSeconds / (processor! * steps!)).toFixed(3)}`,
)

function writeModel(model: number): string {
  const path = resolve(join(folder, `${size}-${model}.safetensors`))
  if (existsSync(path)) return path
  const encoder = new FloatEncoder()
  const entries = names.map((name, at) => ({
    name,
    elementType: 'F16' as const,
    shape: shapes[at]!,
    byteLength: 2 * counts[at]!,
  }))
  const file = openSync(path, 'w')
  writeSync(file, encodeHeader(entries, { format: 'pt' }))
  for (const [at, count] of counts.entries()) {
    const values = new TorchGenerator(at).randn(count)
    const drift = new TorchGenerator(1000 * model + at).randn(count)
    for (let i = 0; i < count; i++) values[i] = SCALE * (values[i]! + (model > 0 ? DRIFT * drift[i]! : 0))
    encoder.encode(values, 'F16', (_, bytes) => writeSync(file, bytes))
  }
  closeSync(file)
  return path
}
