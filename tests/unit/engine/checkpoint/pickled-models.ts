import { readFileSync } from 'node:fs'
import { readSafetensors } from '../../../../src-main/engine/checkpoint/containers/safetensors'
import { BYTES_PER_ELEMENT, elementCount, type ElementType } from '../../../../src-main/engine/tensor/element-type'
import { bytes, dict, pickle, tensor, zip, type Piece } from './containers/pickle/build-pickles'

const STORAGES: Partial<Record<ElementType, string>> = {
  F32: 'FloatStorage',
  F16: 'HalfStorage',
  BF16: 'BFloat16Storage',
  I64: 'LongStorage',
  I32: 'IntStorage',
}

export interface PickledOptions {
  /** Wraps the weights, as a training's checkpoint does. */
  wrap?: (weights: Piece) => Piece
  /** Stores tensors with the last axis first, as a transposed tensor lies in memory. */
  reversed?: boolean
  only?: (name: string) => boolean
}

/** The tensors of a safetensors file as torch.save writes them. */
export async function pickledModel(source: string, options: PickledOptions = {}): Promise<Buffer> {
  const { wrap = (weights) => weights, reversed = false, only = () => true } = options
  const file = readFileSync(source)
  const tensors = (await readSafetensors(source)).tensors.filter(({ name }) => only(name))
  const entries: Record<string, Piece> = {}
  const storages = tensors.map(({ name, elementType, shape, offset, byteLength }, index) => {
    const strides = shape.map((_, axis) => elementCount(shape.slice(0, axis)))
    const storage = STORAGES[elementType]
    if (storage === undefined) throw new Error(`${elementType} is not pickled here`)
    const count = elementCount(shape)
    entries[name] = tensor({ key: String(index), storage, count, shape, ...(reversed && { strides }) })
    const data = file.subarray(offset, offset + byteLength)
    return { name: `model/data/${index}`, data: reversed ? lastAxisFirst(data, shape, elementType) : data }
  })
  return zip([{ name: 'model/data.pkl', data: pickle(bytes(wrap(dict(entries)))) }, ...storages])
}

function lastAxisFirst(data: Buffer, shape: readonly number[], type: ElementType): Buffer {
  const size = BYTES_PER_ELEMENT[type]
  const result = Buffer.alloc(data.length)
  for (let index = 0; index < data.length / size; index++) {
    let rest = index
    let at = 0
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += (rest % shape[axis]!) * elementCount(shape.slice(0, axis))
      rest = Math.floor(rest / shape[axis]!)
    }
    data.copy(result, at * size, index * size, (index + 1) * size)
  }
  return result
}
