import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { preprocessForClip } from '../../../../src-main/engine/diffusion/clip-image'
import { resizeBicubic } from '../../../../src-main/engine/diffusion/resample'

// Pillow's bytes are goldens (clip_preprocess); here: what holds for every size.
const sides = fc.integer({ min: 1, max: 40 })

describe('resizeBicubic', () => {
  it('keeps one colour, and a picture whose size stays', () => {
    fc.assert(
      fc.property(sides, sides, sides, sides, fc.integer({ min: 0, max: 255 }), (w, h, width, height, value) => {
        const data = new Uint8Array(w * h * 3).fill(value)
        const resized = resizeBicubic({ width: w, height: h, channels: 3, data }, width, height)
        expect(resized.data).toEqual(new Uint8Array(width * height * 3).fill(value))
      }),
    )
    const picture = { width: 5, height: 4, channels: 3, data: Uint8Array.from({ length: 60 }, (_, i) => i * 4) }
    expect(resizeBicubic(picture, 5, 4)).toBe(picture)
  })
})

describe('preprocessForClip', () => {
  it('takes the middle: black is −mean / deviation everywhere', () => {
    fc.assert(
      fc.property(sides, sides, (width, height) => {
        const data = new Uint8Array(width * height * 3)
        const values = preprocessForClip({ width, height, channels: 3, data }, 16)
        expect(values).toHaveLength(3 * 16 * 16)
        expect(values[0]).toBeCloseTo(-0.48145466 / 0.26862954, 5)
        expect(values.at(-1)).toBeCloseTo(-0.40821073 / 0.27577711, 5)
      }),
    )
  })

  it('refuses what is no picture, and what would grow without bound', () => {
    const refused = [
      { width: 0, height: 3, channels: 3, data: new Uint8Array(0) },
      { width: 2, height: 2, channels: 4, data: new Uint8Array(16) },
      { width: 2, height: 2, channels: 3, data: new Uint8Array(11) },
      { width: 5000, height: 1, channels: 3, data: new Uint8Array(15000) },
    ]
    for (const picture of refused) expect(() => preprocessForClip(picture)).toThrow(/cannot be cut/)
  })
})
