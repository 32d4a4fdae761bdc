import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StoredTensor } from '../../../../../src-main/engine/checkpoint/containers/container'
import {
  permutedTensor,
  PermutedTensors,
} from '../../../../../src-main/engine/checkpoint/containers/derived/permuted-tensors'

const order = (size: number): fc.Arbitrary<Int32Array | null> =>
  fc.option(
    fc
      .shuffledSubarray([...Array(size).keys()], { minLength: size, maxLength: size })
      .map((list) => Int32Array.from(list)),
  )

const tensors = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 3 }), fc.nat(5))
  .chain(([rows, columns, kernel, before]) =>
    fc.record({
      shape: fc.constantFrom([rows], [rows, columns], [rows, columns, kernel, kernel]),
      before: fc.constant(before),
      rows: order(rows),
      columns: order(columns),
    }),
  )

describe('a permuted tensor', () => {
  it('has every element at its new place, whatever part is read', () => {
    fc.assert(
      fc.property(
        tensors,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (tensor, a, b) => {
          const { shape, before, rows } = tensor
          const columns = shape.length > 1 ? tensor.columns : null
          const count = shape.reduce((product, size) => product * size, 1)
          const all = Uint16Array.from({ length: before + count }, (_, i) => i * 7)
          const stored: StoredTensor = {
            name: 'w',
            path: 'w',
            elementType: 'F16',
            shape: [before + count],
            offset: 0,
            byteLength: all.byteLength,
          }
          const result = permutedTensor({ shape, stored, start: before, transposed: false }, { rows, columns })
          const reader = new PermutedTensors((_, start, into) =>
            into.set(new Uint8Array(all.buffer, start * 2, into.byteLength)),
          )
          const [start, end] = [Math.floor(a * count), Math.floor(b * count)].sort((x, y) => x - y) as [number, number]
          const into = new Uint16Array(end - start)
          reader.read(result, result.permuted!, start, new Uint8Array(into.buffer))
          const width = count / shape[0]!
          const size = shape.length > 1 ? width / shape[1]! : 1
          const expected = Array.from({ length: end - start }, (_, at) => {
            const row = Math.floor((start + at) / width)
            const column = Math.floor(((start + at) % width) / size)
            const from = (rows?.[row] ?? row) * width + (columns?.[column] ?? column) * size + ((start + at) % size)
            return all[before + from]!
          })
          expect([...into]).toEqual(expected)
        },
      ),
    )
  })
})
