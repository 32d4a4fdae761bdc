import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Checkpoint, ComponentName, TensorView } from '../../../../src-main/engine/checkpoint/model/checkpoint'
import type { StoredTensor } from '../../../../src-main/engine/checkpoint/containers/container'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { readSafetensors } from '../../../../src-main/engine/checkpoint/containers/safetensors'
import {
  diffusersTargets,
  singleFileTargets,
  storedTargets,
  type TargetTensor,
} from '../../../../src-main/engine/checkpoint/targets'
import { TensorReader } from '../../../../src-main/engine/checkpoint/containers/tensor-reader'
import { elementCount } from '../../../../src-main/engine/tensor/element-type'
import { GOLDEN } from './files'

const layouts = join(GOLDEN, 'layouts')
const manifest = JSON.parse(readFileSync(join(layouts, 'manifest.json'), 'utf8')) as {
  unet_names: Record<'sd1' | 'sdxl', Record<string, string>>
}

/** Values of a view, row-major in its shape. */
function valuesOf(reader: TensorReader, view: TensorView): Float64Array {
  const all = storedValues(reader, view.stored)
  const values = all.subarray(view.start, view.start + elementCount(view.shape))
  return view.transposed ? transpose(values, view.shape[1] as number, view.shape[0] as number) : values
}

function storedValues(reader: TensorReader, stored: StoredTensor): Float64Array {
  const bytes = new Uint8Array(stored.byteLength)
  reader.read(stored, 0, bytes)
  return decode(bytes, stored.elementType)
}

/** [rows, columns] → [columns, rows]. */
function transpose(values: Float64Array, rows: number, columns: number): Float64Array {
  return values.map((_, index) => values[(index % rows) * columns + Math.floor(index / rows)] as number)
}

function decode(bytes: Uint8Array, type: string): Float64Array {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (type === 'F32') return Float64Array.from({ length: bytes.length / 4 }, (_, i) => data.getFloat32(4 * i, true))
  if (type === 'I64')
    return Float64Array.from({ length: bytes.length / 8 }, (_, i) => Number(data.getBigInt64(8 * i, true)))
  const exponentBits = type === 'F16' ? 5 : 8
  const fractionBits = 15 - exponentBits
  return Float64Array.from({ length: bytes.length / 2 }, (_, i) => {
    const half = data.getUint16(2 * i, true)
    const exponent = (half & 0x7fff) >> fractionBits
    const fraction = (half & (2 ** fractionBits - 1)) / 2 ** fractionBits
    const magnitude = (exponent ? 1 + fraction : fraction) * 2 ** (Math.max(1, exponent) - 2 ** (exponentBits - 1) + 1)
    return half & 0x8000 ? -magnitude : magnitude
  })
}

/** Every tensor of `other` against the same one of `base`, within half a step of other's type. */
function expectEqual(base: Checkpoint, other: Checkpoint, step: number, floor: number): number {
  const reader = new TensorReader([...base.files, ...other.files])
  let compared = 0
  for (const [name, component] of other.components) {
    for (const [tensor, view] of component.tensors) {
      const reference = base.components.get(name)?.tensors.get(tensor)
      if (!reference) throw new Error(`${name} ${tensor} is not in the base`)
      expect(view.shape, tensor).toEqual(reference.shape)
      const ours = valuesOf(reader, reference)
      const theirs = valuesOf(reader, view)
      const wrong = theirs.findIndex((value, i) => {
        return Math.abs(value - (ours[i] as number)) > (step / 2) * Math.abs(ours[i] as number) + floor
      })
      expect(wrong, `${name} ${tensor} [${wrong}]`).toBe(-1)
      compared++
    }
  }
  reader.close()
  return compared
}

const floatNames = (checkpoint: Checkpoint, name: ComponentName) =>
  [...(checkpoint.components.get(name)?.tensors.keys() ?? [])].filter((key) => !key.endsWith('position_ids')).sort()

const F16 = { step: 2 ** -10, floor: 2 ** -25 }

describe('the reference layouts', () => {
  it.each([
    ['sd1', 'sd1-ldm.safetensors', 0, 0],
    ['sd1', 'sd1-fp16', F16.step, F16.floor],
    ['sd1', 'sd1-bf16', 2 ** -7, 0],
    ['sd1', 'sd1-sharded', F16.step, F16.floor],
    ['sdxl', 'sdxl-ldm-fp16.safetensors', F16.step, F16.floor],
  ])('of %s: %s holds the values of the pipeline', async (family, file, step, floor) => {
    const pipeline = await openCheckpoint(join(GOLDEN, family, 'pipeline'))
    const other = await openCheckpoint(join(layouts, file))
    expect(other.architecture).toBe(pipeline.architecture)
    for (const name of other.components.keys()) expect(floatNames(other, name)).toEqual(floatNames(pipeline, name))
    expect(expectEqual(pipeline, other, step, floor)).toBeGreaterThan(600)
  })

  it.each([
    ['sd1', 'sd1-ldm.safetensors'],
    ['sdxl', 'sdxl-ldm-fp16.safetensors'],
  ] as const)('of %s: the UNet of %s has the names of the manifest', async (family, file) => {
    const views = (await openCheckpoint(join(layouts, file))).components.get('unet')?.tensors
    const names = Object.fromEntries([...(views?.values() ?? [])].map(({ name, stored }) => [name, stored.name]))
    expect(names).toEqual(manifest.unet_names[family])
  })
})

describe('the targets of a writer', () => {
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)
  const outline = (tensors: readonly { name: string; shape: readonly number[] }[]) =>
    tensors.map(({ name, shape }) => ({ name, shape: [...shape] })).toSorted(byName)

  it.each([
    ['sd1', 'sd1-ldm.safetensors'],
    ['sdxl', 'sdxl-ldm-fp16.safetensors'],
  ])('of %s as a single file are those of %s, and its parts give their values', async (family, file) => {
    const pipeline = await openCheckpoint(join(GOLDEN, family, 'pipeline'))
    const single = await openCheckpoint(join(layouts, file))
    const targets = singleFileTargets(pipeline)
    const extras = new Set(single.extras.map(({ name }) => name))
    const stored = (await readSafetensors(join(layouts, file))).tensors.filter(({ name }) => !extras.has(name))
    expect(outline(targets)).toEqual(outline(stored))

    const reader = new TensorReader([...pipeline.files, ...single.files])
    const [step, floor] = family === 'sd1' ? [0, 0] : [F16.step, F16.floor]
    for (const target of targets) {
      const values = assemble(reader, pipeline, target)
      const tensor = stored.find(({ name }) => name === target.name)
      const reference = tensor && storedValues(reader, tensor)
      const wrong = values.findIndex((value, i) => {
        return Math.abs(value - (reference?.[i] ?? NaN)) > (step / 2) * Math.abs(value) + floor
      })
      expect(reference?.length, target.name).toBe(values.length)
      expect(wrong, target.name).toBe(-1)
    }
    reader.close()
  })

  it.each([
    ['sd1', 'sd1-ldm.safetensors'],
    ['sdxl', 'sdxl-ldm-fp16.safetensors'],
  ])('of a single file (%s) as folders are those of the pipeline', async (family, file) => {
    const pipeline = await openCheckpoint(join(GOLDEN, family, 'pipeline'))
    const single = await openCheckpoint(join(layouts, file))
    for (const [name, component] of single.components) {
      const files = pipeline.files.filter(({ path }) => path.includes(`/${name}/`))
      const tensors = await Promise.all(files.map(async ({ path }) => (await readSafetensors(path)).tensors))
      expect(outline(diffusersTargets(component))).toEqual(outline(tensors.flat()))
    }
  })

  it('of a single file as a single file are the file', async () => {
    const single = await openCheckpoint(join(layouts, 'sdxl-ldm-fp16.safetensors'))
    const extras = new Set(single.extras.map(({ name }) => name))
    const stored = (await readSafetensors(single.path)).tensors.filter(({ name }) => !extras.has(name))
    expect(outline(singleFileTargets(single))).toEqual(outline(stored))
    expect(outline([...single.components.values()].flatMap(storedTargets))).toEqual(outline(stored))
  })

  it('take the LDM names for a component from elsewhere', async () => {
    const single = await openCheckpoint(join(layouts, 'sd1-ldm.safetensors'))
    const pipeline = await openCheckpoint(join(GOLDEN, 'sd1', 'pipeline'))
    const vae = pipeline.components.get('vae')
    const baked = { ...single, components: new Map(single.components) }
    if (vae) baked.components.set('vae', vae)
    expect(outline(singleFileTargets(baked))).toEqual(outline(singleFileTargets(single)))
  })
})

function assemble(reader: TensorReader, checkpoint: Checkpoint, target: TargetTensor): Float64Array {
  const values = new Float64Array(elementCount(target.shape))
  for (const { component, name, start, transposed } of target.parts) {
    const view = checkpoint.components.get(component)?.tensors.get(name)
    if (!view) throw new Error(`${component} ${name} is not in the checkpoint`)
    const part = valuesOf(reader, view)
    values.set(transposed ? transpose(part, view.shape[0] as number, view.shape[1] as number) : part, start)
  }
  return values
}
