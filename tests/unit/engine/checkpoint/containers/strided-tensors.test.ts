import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { StoredTensor } from '../../../../../src-main/engine/checkpoint/containers/container'
import { TensorReader } from '../../../../../src-main/engine/checkpoint/containers/tensor-reader'
import {
  BYTES_PER_ELEMENT,
  elementCount,
  spanOf,
  type ElementType,
} from '../../../../../src-main/engine/tensor/element-type'
import { temporaryFolder } from '../../merge/models'

const types: ElementType[] = ['U8', 'F16', 'F32', 'F64']
const axis = fc.record({ length: fc.integer({ min: 1, max: 6 }), stride: fc.integer({ min: 0, max: 12 }) })

/** Element by element, by the definition of strides. */
function expected(stored: StoredTensor, file: Uint8Array, start: number, count: number): Uint8Array {
  const size = BYTES_PER_ELEMENT[stored.elementType]
  const elements = Array.from({ length: count }, (_, index) => {
    let rest = start + index
    let at = stored.offset
    for (let axis = stored.shape.length - 1; axis >= 0; axis--) {
      at += (rest % stored.shape[axis]!) * stored.strides![axis]! * size
      rest = Math.floor(rest / stored.shape[axis]!)
    }
    return Buffer.from(file.subarray(at, at + size))
  })
  return Buffer.concat(elements)
}

it('reads any part of any tensor with strides in the order of its shape', () => {
  const folder = temporaryFolder()
  const path = join(folder, 'data')
  const file = Uint8Array.from({ length: 4000 }, (_, index) => (index * 7919) % 251)
  writeFileSync(path, file)
  const reader = new TensorReader()
  const parts = fc.array(
    fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  fc.assert(
    fc.property(
      fc.array(axis, { maxLength: 5 }),
      fc.constantFrom(...types),
      parts,
      fc.nat(20),
      (axes, type, parts, offset) => {
        const shape = axes.map(({ length }) => length)
        const strides = axes.map(({ stride }) => stride)
        const size = BYTES_PER_ELEMENT[type]
        fc.pre(offset + spanOf(shape, strides) * size <= file.length)
        const count = elementCount(shape)
        const stored = { name: 'a', elementType: type, shape, strides, path, offset, byteLength: count * size }
        for (const [first, length] of parts) {
          const start = Math.floor(first * (count - 1))
          const wanted = Math.ceil(length * (count - start))
          const into = new Uint8Array(wanted * size + 1).subarray(1) // not aligned to any element
          reader.read(stored, start, into)
          expect(Buffer.from(into)).toEqual(expected(stored, file, start, wanted))
        }
      },
    ),
    { numRuns: 500 },
  )
  reader.close()
})
