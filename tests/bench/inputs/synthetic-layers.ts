import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { projectSchema } from '../../../src-main/contract/document/project'
import { encodeHeader } from '../../../src-main/engine/checkpoint/containers/safetensors-write'
import { TorchGenerator } from '../../../src-main/engine/random'

/** How far a fine-tune's weights are from the base's, relative to them. */
const DRIFT = 0.1

export interface SyntheticLayers {
  /** Base included. */
  models: number
  layers: number
  rows: number
  inputs: number
}

/**
 * Writes a base and fine-tunes of it as generic float32 files, `layers` matrices [rows, inputs] each, and a project of
 * them. Returns the project's path.
 */
export async function writeSyntheticProject(folder: string, size: SyntheticLayers): Promise<string> {
  await mkdir(folder, { recursive: true })
  const { models, layers, rows, inputs } = size
  const count = rows * inputs
  const header = encodeHeader(
    Array.from({ length: layers }, (_, layer) => ({
      name: `blocks.${layer >> 3}.layers.${layer & 7}.weight`,
      elementType: 'F32' as const,
      shape: [rows, inputs],
      byteLength: count * 4,
    })),
    {},
  )
  const base = new TorchGenerator(0).randn(layers * count)
  const names = ['base', ...Array.from({ length: models - 1 }, (_, index) => `specialist ${index + 1}`)]
  for (const [model, name] of names.entries()) {
    const drift = model === 0 ? null : new TorchGenerator(model).randn(layers * count)
    const values = Float32Array.from(base, (value, i) => value + (drift ? DRIFT * drift[i]! : 0))
    await writeFile(join(folder, `${name}.safetensors`), [header, new Uint8Array(values.buffer)])
  }
  const path = join(folder, 'synthetic.fusion.json')
  const entries = names.map((name) => ({ name, path: `${name}.safetensors` }))
  const project = projectSchema.parse({ format: 'featurefusion-project', version: 1, models: entries })
  await writeFile(path, JSON.stringify(project))
  return path
}
