import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { publishedPreprocessing } from '../../../../../src-main/engine/diffusion/clip-image'
import { preprocessForHps } from '../../../../../src-main/engine/evaluate/scores/hps-pixels'
import {
  preprocessForImageReward,
  roundHalfToEven,
} from '../../../../../src-main/engine/evaluate/scores/image-reward-pixels'

const SIZE = 16
const { means, deviations } = publishedPreprocessing(SIZE)
const white = (width: number, height: number) => ({
  width,
  height,
  channels: 3,
  data: new Uint8Array(width * height * 3).fill(255),
})

describe('what HPS sees', () => {
  it('has black around a picture that is no square, even where its longest edge needs no resizing', () => {
    const black = -means[0]! / deviations[0]!
    const light = (1 - means[0]!) / deviations[0]!
    const values = preprocessForHps(white(SIZE, 5), SIZE, { means, deviations })
    const column = Array.from({ length: SIZE }, (_, y) => values[y * SIZE]!)
    // 11 rows of black: 5 above, 6 below.
    column.forEach((value, y) => expect(value).toBeCloseTo(y >= 5 && y < 10 ? light : black, 5))
  })

  it('is refused for a picture of no size or with transparency', () => {
    for (const picture of [white(0, 4), { ...white(4, 4), channels: 4 }])
      expect(() => preprocessForHps(picture, SIZE, { means, deviations })).toThrow(/cannot be scored/)
  })
})

describe('what ImageReward sees', () => {
  it('is finite, and as large as asked for, whatever the picture', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }), (width, height) => {
        for (const values of [
          preprocessForImageReward(white(width, height), SIZE),
          preprocessForHps(white(width, height), SIZE, { means, deviations }),
        ]) {
          expect(values).toHaveLength(3 * SIZE * SIZE)
          expect(values.every(Number.isFinite)).toBe(true)
        }
      }),
      { numRuns: 30 },
    )
  })
})

it('halves are rounded to the even number', () => {
  expect([0.5, 1.5, 2.5, 19.5, 40.5, 2.4, 2.6, -1.5].map(roundHalfToEven)).toEqual([0, 2, 2, 20, 40, 2, 3, -2])
})
