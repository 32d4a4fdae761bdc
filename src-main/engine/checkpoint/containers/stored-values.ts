import { FusionError } from '../../../contract/errors'
import { decodeFloats } from '../../tensor/convert'
import {
  BYTES_PER_ELEMENT,
  elementCount,
  isFloatType,
  type ElementType,
  type FloatType,
} from '../../tensor/element-type'
import { Kernels } from '../../tensor/kernels'
import { notFiniteError } from '../../tensor/tensor-inputs'
import type { StoredTensor } from './container'
import { TensorReader } from './tensor-reader'

/** Tensors that are data, not weights, are far smaller; kernels hold 4 GiB. */
const MOST_BYTES = 1e9

/** @throws FusionError 'unsupported' before memory is taken */
function requireRoom({ name, path, byteLength }: StoredTensor): void {
  if (byteLength <= MOST_BYTES) return
  throw new FusionError(
    'unsupported',
    `${path} has ${byteLength} bytes in the tensor ${name}, more than can be read at once.`,
  )
}

/**
 * A whole stored tensor as float32: for small tensors that are data, not weights of a network.
 * @throws FusionError 'unsupported' (integers), 'not-finite', 'source-changed', 'unreadable'
 */
export function readFloats(stored: StoredTensor): Float32Array {
  const { elementType, shape, name, path } = stored
  if (!isFloatType(elementType))
    throw new FusionError('unsupported', `${path} stores ${name} as ${elementType}, not as real numbers.`)
  requireRoom(stored)
  const count = elementCount(shape)
  const kernels = new Kernels(Kernels.bufferSize(stored.byteLength) + Kernels.bufferSize(count * 4))
  const raw = kernels.allocate(stored.byteLength)
  const values = kernels.allocate(count * 4)
  raw.bytes().set(readBytes(stored))
  if (!decodeFloats(kernels, elementType, raw, values, count))
    throw new FusionError('not-finite', `${path} has NaN or infinity in the tensor ${name}.`)
  return values.floats(count).slice()
}

/** A whole stored tensor of int32 or int64 as numbers. @throws FusionError 'unsupported', 'source-changed', 'unreadable' */
export function readIntegers(stored: StoredTensor): number[] {
  const { elementType, shape, name, path } = stored
  if (elementType !== 'I32' && elementType !== 'I64')
    throw new FusionError('unsupported', `${path} stores ${name} as ${elementType}, not as I32 or I64.`)
  const bytes = readBytes(stored)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const size = BYTES_PER_ELEMENT[elementType]
  return Array.from({ length: elementCount(shape) }, (_, i) =>
    elementType === 'I32' ? view.getInt32(i * size, true) : Number(view.getBigInt64(i * size, true)),
  )
}

/** Longest text that a tensor holds as bytes: settings of a layer have some dozen. */
const MOST_TEXT_BYTES = 65_536

/**
 * Many small tensors of bytes as the UTF-8 texts that they hold.
 * @throws FusionError 'malformed' for one that is no text, or too long; 'source-changed', 'unreadable'
 */
export function readTexts(tensors: readonly StoredTensor[]): string[] {
  const reader = new TensorReader()
  try {
    return tensors.map((stored) => {
      const { elementType, byteLength, name, path } = stored
      if (elementType !== 'U8' || byteLength > MOST_TEXT_BYTES)
        throw new FusionError('malformed', `${path} stores ${byteLength} bytes of ${elementType} as ${name}: no text.`)
      const bytes = new Uint8Array(byteLength)
      reader.read(stored, 0, bytes)
      return new TextDecoder().decode(bytes)
    })
  } finally {
    reader.close()
  }
}

/** A whole stored tensor as it is stored. @throws FusionError 'source-changed', 'unreadable' */
export function readBytes(stored: StoredTensor): Uint8Array<ArrayBuffer> {
  requireRoom(stored)
  const reader = new TensorReader()
  try {
    const bytes = new Uint8Array(stored.byteLength)
    reader.read(stored, 0, bytes)
    return bytes
  } finally {
    reader.close()
  }
}

/**
 * One number of each of many small tensors, of any element type.
 * @throws FusionError 'malformed' for a tensor that is not one number, 'not-finite', 'source-changed', 'unreadable'
 */
export function readScalars(tensors: readonly StoredTensor[]): number[] {
  const kernels = new Kernels(2 * Kernels.bufferSize(8))
  const raw = kernels.allocate(8)
  const value = kernels.allocate(8)
  const reader = new TensorReader()
  try {
    return tensors.map((stored) => {
      const { elementType, shape, name, path } = stored
      if (elementCount(shape) !== 1)
        throw new FusionError(
          'malformed',
          `${path} has the shape [${shape.join(', ')}] for ${name}, which is one number.`,
        )
      const bytes = raw.bytes(BYTES_PER_ELEMENT[elementType])
      reader.read(stored, 0, bytes)
      if (!isFloatType(elementType)) return integerIn(bytes, elementType)
      if (!decodeFloats(kernels, elementType, raw, value, 1)) throw notFiniteError({ sources: [path], name }, 0)
      return value.floats(1)[0]!
    })
  } finally {
    reader.close()
  }
}

function integerIn(bytes: Uint8Array, type: Exclude<ElementType, FloatType>): number {
  const unsigned = [...bytes].reduce((sum, byte, index) => sum + (BigInt(byte) << BigInt(8 * index)), 0n)
  return Number(type.startsWith('I') ? BigInt.asIntN(8 * bytes.length, unsigned) : unsigned)
}
