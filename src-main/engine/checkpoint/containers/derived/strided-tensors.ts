import { BYTES_PER_ELEMENT, elementCount, spanOf } from '../../../tensor/element-type'
import type { StoredTensor } from '../container'

/** Fills `into` with the bytes of a tensor's file, from byte `first` behind its first element on. */
type ReadBytes = (stored: StoredTensor, first: number, into: Uint8Array) => void

/** Bytes of a tensor's file that are kept. */
interface Kept {
  stored: StoredTensor
  /** First element, counted behind the tensor's first, and the one behind the last. */
  start: number
  end: number
  bytes: Uint8Array<ArrayBuffer>
}

/**
 * Puts the elements of tensors with strides in the order of their shapes. Of each file the stretch that was read last is
 * kept: a transposed tensor is read once, not once for every block of it.
 */
export class StridedTensors {
  private readonly kept = new Map<string, Kept>()

  constructor(private readonly readBytes: ReadBytes) {}

  /** Fills `into` with elements of `stored` from element `start` on, counted in the order of its shape. */
  read(stored: StoredTensor, start: number, into: Uint8Array): void {
    const size = BYTES_PER_ELEMENT[stored.elementType]
    const count = into.byteLength / size
    if (count === 0) return
    const { shape, strides } = withoutOnes(stored)
    const kept = this.stretch(stored, this.rangeOf(shape, strides, start, count), spanOf(shape, strides))
    const order = { shape, strides, start, origin: kept.start }
    const { buffer } = kept.bytes
    const target = new ArrayBuffer(into.byteLength)
    if (size === 1) gather(new Uint8Array(buffer), new Uint8Array(target), order)
    else if (size === 2) gather(new Uint16Array(buffer), new Uint16Array(target), order)
    else gather(new Uint32Array(buffer), new Uint32Array(target), size === 4 ? order : inHalves(order))
    into.set(new Uint8Array(target))
  }

  /** Where the elements lie, by whole rows of the first axis: first, and behind the last. */
  private rangeOf(shape: readonly number[], strides: readonly number[], start: number, count: number) {
    const rowLength = elementCount(shape.slice(1))
    const [first, last] = [Math.floor(start / rowLength), Math.floor((start + count - 1) / rowLength)]
    const stride = strides[0] ?? 0
    return { start: first * stride, end: last * stride + spanOf(shape.slice(1), strides.slice(1)) }
  }

  private stretch(stored: StoredTensor, wanted: { start: number; end: number }, span: number): Kept {
    const known = this.kept.get(stored.path)
    const isSame = known?.stored.offset === stored.offset && known.stored.elementType === stored.elementType
    if (known && isSame && known.start <= wanted.start && wanted.end <= known.end) return known
    // Rows that lie across the tensor need all of it, and the next rows need it again.
    const { start, end } = wanted.end - wanted.start > span / 2 ? { start: 0, end: span } : wanted
    const size = BYTES_PER_ELEMENT[stored.elementType]
    this.kept.delete(stored.path)
    const bytes = new Uint8Array((end - start) * size)
    this.readBytes(stored, start * size, bytes)
    const kept = { stored, start, end, bytes }
    this.kept.set(stored.path, kept)
    return kept
  }
}

/** Shape and strides without axes of one element, whose strides mean nothing. */
function withoutOnes({ shape, strides }: StoredTensor): { shape: number[]; strides: number[] } {
  const axes = shape.flatMap((length, axis) => (length === 1 ? [] : [axis]))
  return { shape: axes.map((axis) => shape[axis]!), strides: axes.map((axis) => strides![axis]!) }
}

/** Which elements are gathered, and where they lie. */
interface Order {
  shape: readonly number[]
  strides: readonly number[]
  /** First element, in the order of the shape. */
  start: number
  /** Which element of the file the source begins with. */
  origin: number
}

/** Elements of 8 bytes as two of 4. */
function inHalves({ shape, strides, start, origin }: Order): Order {
  return {
    shape: [...shape, 2],
    strides: [...strides.map((stride) => 2 * stride), 1],
    start: 2 * start,
    origin: 2 * origin,
  }
}

function gather<T extends Uint8Array | Uint16Array | Uint32Array>(
  source: T,
  target: T,
  { shape, strides, start, origin }: Order,
): void {
  const index = new Array<number>(shape.length).fill(0)
  let at = -origin
  for (let axis = shape.length - 1, rest = start; axis >= 0; axis--) {
    index[axis] = rest % shape[axis]!
    rest = Math.floor(rest / shape[axis]!)
    at += index[axis]! * strides[axis]!
  }
  for (let done = 0; done < target.length; done++) {
    target[done] = source[at] as number
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!
      if (++index[axis]! < shape[axis]!) break
      at -= index[axis]! * strides[axis]!
      index[axis] = 0
    }
  }
}
