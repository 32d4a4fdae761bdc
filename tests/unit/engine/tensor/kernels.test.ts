import { describe, expect, it } from 'vitest'
import { Kernels } from '../../../../src-main/engine/tensor/kernels'
import { TorchGenerator } from '../../../../src-main/engine/random'

const generator = new TorchGenerator(3)
const kernels = new Kernels(65_536)

describe('the kernel for the largest magnitude', () => {
  it.each([1, 2, 3, 4, 5, 8, 31, 1000])('finds it among %i numbers, wherever it stands', (count) => {
    kernels.reset()
    const buffer = kernels.allocate(count * 8)
    const values = Float64Array.from(generator.randn(count))
    for (const [place, largest] of [0, count >> 1, count - 1].entries()) {
      const sums = values.slice()
      sums[largest] = place % 2 === 0 ? -17.25 : 17.25
      buffer.doubles(count).set(sums)
      expect(kernels.run.largest(buffer.pointer, count)).toBe(17.25)
    }
  })

  it('is infinite where a number is, and NaN where one is none', () => {
    kernels.reset()
    const buffer = kernels.allocate(9 * 8)
    for (const at of [0, 3, 5, 8]) {
      const sums = Float64Array.from(generator.randn(9))
      sums[at] = -Infinity
      buffer.doubles(9).set(sums)
      expect(kernels.run.largest(buffer.pointer, 9)).toBe(Infinity)
      sums[at] = NaN
      buffer.doubles(9).set(sums)
      expect(kernels.run.largest(buffer.pointer, 9)).toBeNaN()
    }
  })
})

describe('the kernel for differences of halves', () => {
  const halves = [0x0000, 0x8000, 0x0001, 0x83ff, 0x0400, 0x3c00, 0xbc01, 0x7bff, 0xfbff]

  it('is the float32 difference of what both mean, subnormals and signs included', () => {
    kernels.reset()
    const [base, changed, target, from, to] = [2, 2, 4, 4, 4].map((bytes) => kernels.allocate(halves.length * bytes))
    for (let shift = 0; shift < halves.length; shift++) {
      const others = [...halves.slice(shift), ...halves.slice(0, shift)]
      for (const [buffer, values] of [
        [base!, halves],
        [changed!, others],
      ] as const) {
        const bytes = new Uint8Array(Uint16Array.from(values).buffer)
        buffer.bytes(bytes.length + 16).fill(0)
        buffer.bytes(bytes.length).set(bytes)
      }
      expect(kernels.run.subtractHalves(base!.pointer, changed!.pointer, target!.pointer, halves.length)).toBe(0)
      kernels.run.decodeF16(base!.pointer, from!.pointer, halves.length)
      kernels.run.decodeF16(changed!.pointer, to!.pointer, halves.length)
      const expected = to!.floats().map((value, at) => value - from!.floats()[at]!)
      expect([...target!.floats()]).toEqual([...expected])
    }
  })

  it.each([0x7c00, 0xfc00, 0x7e00])('says where either holds no number (%i)', (code) => {
    kernels.reset()
    const [base, changed, target] = [2, 2, 4].map((bytes) => kernels.allocate(8 * bytes))
    for (const [bad, good] of [
      [base!, changed!],
      [changed!, base!],
    ] as const) {
      good.bytes(16).fill(0)
      bad.bytes(16).set(new Uint8Array(Uint16Array.of(0, 0, 0, code, 0, 0, 0, 0).buffer))
      expect(kernels.run.subtractHalves(base!.pointer, changed!.pointer, target!.pointer, 8)).toBe(1)
    }
  })
})
