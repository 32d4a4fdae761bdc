// Files of Stable Diffusion 1.4's UNet shapes with random float16 weights, in LDM naming as single files: a base and
// fine-tunes of it. Deterministic; about 1.7 GB each; files that are there are kept.
//   node scripts/run-ts.mjs tests/bench/inputs/synthetic-unets.ts FOLDER [SPECIALISTS]
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { encodeHeader } from '../../../src-main/engine/checkpoint/containers/safetensors-write'
import { singleFileTargets } from '../../../src-main/engine/checkpoint/targets'
import type {
  Architecture,
  Checkpoint,
  Component,
  ComponentName,
  TensorView,
} from '../../../src-main/engine/checkpoint/model/checkpoint'
import { TorchGenerator } from '../../../src-main/engine/random'
import { elementCount } from '../../../src-main/engine/tensor/element-type'
import { FloatEncoder } from '../../../src-main/engine/tensor/float-encoder'
import {
  SD14_UNET,
  SDXL_UNET,
  textEncoderShapes,
  unetShapes,
  vaeShapes,
  type Shapes,
} from '../../unit/engine/checkpoint/network-shapes'

/** How far a fine-tune's weights are from the base's, relative: rows correlate by 0.995 as real fine-tunes' do. */
const DRIFT = 0.1
const NOISE = new TorchGenerator(1).randn(4_194_304)

/** `count` normal numbers: a stretch of the table that begins somewhere else for every row. */
function noise(seed: number, start: number, into: Float32Array): void {
  const offset = (Math.imul(seed + 1, 2_654_435_761) ^ Math.imul(start + 1, 40_503)) >>> 0
  for (let i = 0; i < into.length; i++) into[i] = NOISE[(offset + i) & (NOISE.length - 1)]!
}

/** Shapes of a family of models. */
export interface SyntheticFamily {
  /** Of the files' names. */
  name: string
  architecture: Architecture
  /** Families with other numbers here are not related; 0 if absent. */
  seed?: number
  components: readonly (readonly [ComponentName, Shapes])[]
}

/** Stable Diffusion 1.4's UNet alone. */
export const SD14: SyntheticFamily = {
  name: 'synthetic',
  architecture: 'sd1',
  components: [['unet', unetShapes(SD14_UNET)]],
}

/** The same shapes, and no row that resembles one of SD14's. */
export const UNRELATED: SyntheticFamily = { ...SD14, name: 'synthetic-unrelated', seed: 5_000 }

/** All of SDXL's base: UNet, both text encoders, VAE; about 6.9 GB. */
export const SDXL: SyntheticFamily = {
  name: 'synthetic-sdxl',
  architecture: 'sdxl-base',
  components: [
    ['unet', unetShapes(SDXL_UNET)],
    ['text_encoder', textEncoderShapes(768, 12)],
    ['text_encoder_2', textEncoderShapes(1280, 32, 1280)],
    ['vae', vaeShapes()],
  ],
}

/** Path of a model: 0 is the base. */
export function syntheticPath(folder: string, model: number, { name }: SyntheticFamily = SD14): string {
  return join(folder, `${name}-${model}.safetensors`)
}

/** Writes the base and `specialists` fine-tunes of SD 1.4's UNet. */
export function writeSyntheticUnets(folder: string, specialists: number): string[] {
  return writeSyntheticModels(folder, specialists + 1, SD14)
}

/**
 * Writes models of a family, base first.
 * @param dense how many have weights; the others are zeros that take no space on the disk
 */
export function writeSyntheticModels(folder: string, count: number, family: SyntheticFamily, dense = count): string[] {
  mkdirSync(folder, { recursive: true })
  return Array.from({ length: count }, (_, model) => {
    const path = syntheticPath(folder, model, family)
    if (!existsSync(path)) writeModel(path, model, family, model < dense)
    return path
  })
}

function writeModel(path: string, model: number, family: SyntheticFamily, isDense: boolean): void {
  const targets = singleFileTargets(withShapes(family))
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
  if (!isDense)
    ftruncateSync(
      descriptor,
      tensors.reduce((sum, { byteLength }) => sum + byteLength, position),
    )
  for (const [index, { shape, byteLength }] of isDense ? tensors.entries() : []) {
    const count = elementCount(shape)
    const inputs = Math.max(1, count / shape[0]!)
    const scale = shape.length === 1 ? 0.02 : 1 / Math.sqrt(inputs)
    const values = new Float32Array(count)
    const drift = new Float32Array(inputs)
    for (let start = 0; start < count; start += inputs) {
      const row = values.subarray(start, start + inputs)
      noise(index + (family.seed ?? 0), start, row)
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
function withShapes({ architecture, components }: SyntheticFamily): Checkpoint {
  const componentOf = (name: ComponentName, shapes: Shapes): Component => ({
    name,
    config: null,
    tensors: new Map<string, TensorView>(
      [...shapes].map(([tensor, shape]) => {
        const stored = { name: tensor, elementType: 'F16' as const, shape, path: name, offset: 0, byteLength: 0 }
        return [tensor, { name: tensor, shape, stored, start: 0, transposed: false }]
      }),
    ),
  })
  return {
    path: 'synthetic',
    layout: 'diffusers-pipeline',
    architecture,
    predictionType: 'epsilon',
    stated: { type: null, zeroTerminalSnr: false, edm: false, chosen: false },
    components: new Map(components.map(([name, shapes]) => [name, componentOf(name, shapes)])),
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
