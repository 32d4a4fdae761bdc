import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  combinedTensor,
  CombinedTensors,
} from '../../../../../src-main/engine/checkpoint/containers/derived/combined-tensors'
import type { Combination, StoredTensor } from '../../../../../src-main/engine/checkpoint/containers/container'

interface Part {
  source: number
  share: number
}

/** Of every place of an axis the parts that are added up; null: they are as they are. */
const combinations = (size: number): fc.Arbitrary<Part[][] | null> => {
  const part = fc.record({ source: fc.nat(size - 1), share: fc.constantFrom(-1, 0.5, 1, 2) })
  return fc.option(fc.array(fc.array(part, { maxLength: 3 }), { minLength: size, maxLength: size }))
}

const tensors = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 2 }))
  .chain(([rows, columns, kernel]) =>
    fc.record({
      shape: fc.constantFrom([rows], [rows, columns], [rows, columns, kernel, kernel]),
      rows: combinations(rows),
      columns: combinations(columns),
    }),
  )

function packed(parts: readonly Part[][] | null): Combination | null {
  if (!parts) return null
  const starts = [0]
  for (const part of parts) starts.push(starts.at(-1)! + part.length)
  return {
    starts: Int32Array.from(starts),
    sources: Int32Array.from(parts.flat(), ({ source }) => source),
    shares: Float64Array.from(parts.flat(), ({ share }) => share),
  }
}

describe('a combined tensor', () => {
  it('is the sum of its parts at every place, whatever part is read', () => {
    const fraction = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(tensors, fraction, fraction, ({ shape, rows, ...tensor }, a, b) => {
        const columns = shape.length > 1 ? tensor.columns : null
        const count = shape.reduce((product, size) => product * size, 1)
        const all = Float32Array.from({ length: count }, (_, i) => i + 1)
        const stored: StoredTensor = {
          name: 'w',
          path: 'w',
          elementType: 'F32',
          shape,
          offset: 0,
          byteLength: 4 * count,
        }
        const run = { shape, stored, start: 0, transposed: false }
        const result = combinedTensor(run, { rows: packed(rows), columns: packed(columns) })
        const reader = new CombinedTensors((_, start, into) =>
          into.set(new Uint8Array(all.buffer, start * 4, into.byteLength)),
        )
        const [start, end] = [Math.floor(a * count), Math.floor(b * count)].sort((x, y) => x - y) as [number, number]
        const into = new Float32Array(end - start)
        reader.read(result, result.combined!, start, new Uint8Array(into.buffer))
        const width = count / shape[0]!
        const size = shape.length > 1 ? width / shape[1]! : 1
        const itself = (place: number): Part[] => [{ source: place, share: 1 }]
        const expected = Array.from({ length: end - start }, (_, at) => {
          const [row, column] = [Math.floor((start + at) / width), Math.floor(((start + at) % width) / size)]
          let sum = 0
          for (const r of rows?.[row] ?? itself(row))
            for (const c of columns?.[column] ?? itself(column))
              sum += r.share * c.share * all[r.source * width + c.source * size + ((start + at) % size)]!
          return sum
        })
        expect([...into].map((value) => value + 0)).toEqual(expected.map((value) => value + 0))
      }),
    )
  })
})
