// LoRA files with random float16 factors in kohya's naming for the linear layers (and 1 × 1 projections) of SD 1.4's
// UNet, as trainers make them. Deterministic; files that are there are kept.
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { encodeHeader } from '../../../src-main/engine/checkpoint/containers/safetensors-write'
import { TorchGenerator } from '../../../src-main/engine/random'
import { elementCount } from '../../../src-main/engine/tensor/element-type'
import { FloatEncoder } from '../../../src-main/engine/tensor/float-encoder'
import { SD14_UNET, unetShapes } from '../../unit/engine/checkpoint/network-shapes'

/** Of the factors' numbers: small enough that fused weights stay in float16's range. */
const SIZE = 0.01

/** Writes `count` LoRA files of a rank. Returns their paths. */
export function writeSyntheticAdapters(folder: string, count: number, rank: number): string[] {
  mkdirSync(folder, { recursive: true })
  return Array.from({ length: count }, (_, adapter) => {
    const path = join(folder, `lora-${rank}-${adapter}.safetensors`)
    if (!existsSync(path)) writeAdapter(path, rank, adapter + 1)
    return path
  })
}

function writeAdapter(path: string, rank: number, seed: number): void {
  const tensors = [...unetShapes(SD14_UNET)].flatMap(([name, shape]) => {
    if (!/attentions.*\.weight$/.test(name) || shape.length < 2) return []
    const module = `lora_unet_${name.slice(0, -'.weight'.length).replaceAll('.', '_')}`
    const ones = shape.slice(2)
    return [
      { name: `${module}.lora_down.weight`, shape: [rank, shape[1]!, ...ones] },
      { name: `${module}.lora_up.weight`, shape: [shape[0]!, rank, ...ones] },
    ]
  })
  const stored = tensors.map((tensor) => ({
    ...tensor,
    elementType: 'F16' as const,
    byteLength: elementCount(tensor.shape) * 2,
  }))
  const header = encodeHeader(stored, {})
  const descriptor = openSync(`${path}.partial`, 'w')
  writeSync(descriptor, header)
  const encoder = new FloatEncoder()
  const generator = new TorchGenerator(seed)
  let position = header.byteLength
  for (const { shape, byteLength } of stored) {
    const values = generator.randn(elementCount(shape)).map((value) => value * SIZE)
    encoder.encode(values, 'F16', (at, bytes) => writeSync(descriptor, bytes, 0, bytes.byteLength, position + at))
    position += byteLength
  }
  closeSync(descriptor)
  renameSync(`${path}.partial`, path)
}
