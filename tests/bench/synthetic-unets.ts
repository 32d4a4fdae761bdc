// Files of Stable Diffusion 1.4's UNet shapes with random float16 weights, in LDM naming as single files: a base and
// fine-tunes of it. Deterministic; about 1.7 GB each; files that are there are kept.
//   node scripts/run-ts.mjs tests/bench/synthetic-unets.ts FOLDER [SPECIALISTS]
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { encodeHeader } from '../../src-main/engine/checkpoint/containers/safetensors-write'
import { singleFileTargets } from '../../src-main/engine/checkpoint/targets'
import type { Checkpoint, TensorView } from '../../src-main/engine/checkpoint/model/checkpoint'
import { TorchGenerator } from '../../src-main/engine/random'
import { elementCount } from '../../src-main/engine/tensor/element-type'
import { FloatEncoder } from '../../src-main/engine/tensor/float-encoder'
import { SD14_UNET, unetShapes } from '../unit/engine/checkpoint/network-shapes'

/** How far a fine-tune's weights are from the base's, relative: rows correlate by 0.995 as real fine-tunes' do. */
const DRIFT = 0.1
const NOISE = new TorchGenerator(1).randn(4_194_304)

/** `count` normal numbers: a stretch of the table that begins somewhere else for every row. */
function noise(seed: number, start: number, into: Float32Array): void {
  const offset = (Math.imul(seed + 1, 2_654_435_761) ^ Math.imul(start + 1, 40_503)) >>> 0
  for (let i = 0; i < into.length; i++) into[i] = NOISE[(offset + i) & (NOISE.length - 1)]!
}

/** Path of a model: 0 is the base. */
export function syntheticPath(folder: string, model: number): string {
  return join(folder, `synthetic-${model}.safetensors`)
}

/** Writes the base and `specialists` fine-tunes. */
export function writeSyntheticUnets(folder: string, specialists: number): string[] {
  mkdirSync(folder, { recursive: true })
  return Array.from({ length: specialists + 1 }, (_, model) => {
    const path = syntheticPath(folder, model)
    if (!existsSync(path)) writeModel(path, model)
    return path
  })
}

function writeModel(path: string, model: number): void {
  const shapes = unetShapes(SD14_UNET)
  const targets = singleFileTargets(withShapes(shapes))
  const tensors = targets.map(({ name, shape }) => ({
    name,
    shape,
    elementType: 'F16' as const,
    byteLength: elementCount(shape) * 2,
  }))
  const header = encodeHeader(tensors, {})
  const descriptor = openSync(`${path}.partial`, 'w')
  writeSync(descriptor, header)
  const encoder = new FloatEncoder()
  let position = header.byteLength
  for (const [index, { shape, byteLength }] of tensors.entries()) {
    const count = elementCount(shape)
    const inputs = Math.max(1, count / shape[0]!)
    const scale = shape.length === 1 ? 0.02 : 1 / Math.sqrt(inputs)
    const values = new Float32Array(count)
    const drift = new Float32Array(inputs)
    for (let start = 0; start < count; start += inputs) {
      const row = values.subarray(start, start + inputs)
      noise(index, start, row)
      if (model > 0) {
        noise(index + 10_000 * model, start, drift)
        for (let i = 0; i < row.length; i++) row[i]! += DRIFT * drift[i]!
      }
      for (let i = 0; i < row.length; i++) row[i]! *= scale
    }
    encoder.encode(values, 'F16', (at, bytes) => writeSync(descriptor, bytes, 0, bytes.byteLength, position + at))
    position += byteLength
  }
  closeSync(descriptor)
  renameSync(`${path}.partial`, path)
}

/** As much of a checkpoint as laying out a single file takes. */
function withShapes(shapes: ReadonlyMap<string, number[]>): Checkpoint {
  const tensors = new Map<string, TensorView>(
    [...shapes].map(([name, shape]) => {
      const stored = { name, elementType: 'F16' as const, shape, path: 'unet', offset: 0, byteLength: 0 }
      return [name, { name, shape, stored, start: 0, transposed: false }]
    }),
  )
  return {
    path: 'synthetic',
    layout: 'diffusers-pipeline',
    architecture: 'sd1',
    predictionType: 'epsilon',
    stated: { type: null, zeroTerminalSnr: false, edm: false, chosen: false },
    components: new Map([['unet', { name: 'unet', config: null, tensors }]]),
    extras: [],
    files: [],
    metadata: {},
    problems: [],
    emaCopies: 0,
    usesEma: false,
    kind: null,
  }
}

const [folder, specialists] = process.argv.slice(2)
if (process.argv[1]?.endsWith('synthetic-unets.ts') && folder !== undefined) {
  console.log(writeSyntheticUnets(folder, Number(specialists ?? 3)).join('\n'))
}
