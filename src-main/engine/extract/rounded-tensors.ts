import type { LoraType } from '../../contract/adapter-files'
import { FusionError } from '../../contract/errors'
import type { TensorView } from '../checkpoint/model/checkpoint'
import { decodeFloats } from '../tensor/convert'
import { BYTES_PER_ELEMENT } from '../tensor/element-type'
import { FloatEncoder } from '../tensor/float-encoder'
import { Kernels } from '../tensor/kernels'
import type { Matrix } from '../linear-algebra/matrix-products'

/** Encodes factors, and tells what they are once they are read again. */
export class RoundedTensors {
  private readonly encoder = new FloatEncoder()

  private readonly kernels = new Kernels(0)

  /** @param layer for messages @throws FusionError 'not-finite' where a value is too large for the type */
  round({ data, rows, columns }: Matrix, type: LoraType, layer: TensorView): { bytes: Uint8Array; matrix: Matrix } {
    const floats = data instanceof Float32Array ? data : Float32Array.from(data)
    const bytes = new Uint8Array(floats.length * BYTES_PER_ELEMENT[type])
    const rounded = new Float32Array(floats.length)
    const isFinite = this.encoder.encode(floats, type, (at, part) => {
      bytes.set(part, at)
      rounded.set(this.decode(part, type), at / BYTES_PER_ELEMENT[type])
    })
    if (!isFinite)
      throw new FusionError('not-finite', `The factors of ${layer.name} are too large for ${type}.`, {
        hint: 'Write them as fp32.',
      })
    return { bytes, matrix: { data: rounded, rows, columns } }
  }

  private decode(bytes: Uint8Array, type: LoraType): Float32Array {
    const { kernels } = this
    const count = bytes.byteLength / BYTES_PER_ELEMENT[type]
    kernels.reset()
    const raw = kernels.allocateMore(bytes.byteLength)
    const floats = kernels.allocateMore(count * 4)
    raw.bytes().set(bytes)
    decodeFloats(kernels, type, raw, floats, count)
    return floats.floats(count)
  }
}
