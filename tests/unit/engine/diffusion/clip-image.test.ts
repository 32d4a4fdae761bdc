import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { preprocessForClip, readClipPreprocessing } from '../../../../src-main/engine/diffusion/clip-image'
import { resizeBicubic } from '../../../../src-main/engine/image/resample'
import { temporaryFolder } from '../merge/models'

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

/**
 * CLIPImageProcessorPil of transformers 5.24.0 on a picture of 37 × 53 pixels: mean and deviation of all values, and
 * those at [0, 0, 0], [1, 7, 9] and [2, 15, 15].
 */
const REFERENCE: [config: Record<string, unknown>, values: number[]][] = [
  [
    { size: { shortest_edge: 16 }, crop_size: { height: 16, width: 16 } },
    [0.00999292, 0.945786, -1.36891, -0.491445, -0.655456],
  ],
  [
    { size: { shortest_edge: 16 }, crop_size: { height: 16, width: 16 }, resample: 0 },
    [-0.00986739, 1.0831, -1.33971, -1.557, -0.413715],
  ],
  [
    {
      size: { shortest_edge: 16 },
      crop_size: { height: 16, width: 16 },
      image_mean: [0.5, 0.4, 0.3],
      image_std: [0.2, 0.3, 0.5],
    },
    [0.130585, 0.953706, -1.93137, -0.235294, -0.145098],
  ],
  [
    { size: { shortest_edge: 16 }, crop_size: { height: 16, width: 16 }, resample: 2 },
    [0.0104189, 0.878477, -1.35431, -0.326359, -0.641236],
  ],
  [
    { size: { shortest_edge: 16 }, crop_size: { height: 16, width: 16 }, resample: 1 },
    [0.00893646, 0.975157, -1.36891, -0.581491, -0.655456],
  ],
  [
    { size: { shortest_edge: 16 }, crop_size: { height: 16, width: 16 }, resample: 4 },
    [0.0177866, 0.950716, -1.38351, -0.731569, -0.655456],
  ],
  [
    { size: { shortest_edge: 16 }, crop_size: { height: 16, width: 16 }, resample: 5 },
    [0.0100859, 0.921999, -1.36891, -0.551476, -0.641236],
  ],
  [
    { size: { shortest_edge: 20 }, crop_size: { height: 16, width: 16 } },
    [0.0910486, 0.971997, -0.857963, -0.266328, -0.996737],
  ],
  [
    { size: { height: 16, width: 16 }, crop_size: { height: 16, width: 16 }, do_center_crop: false },
    [-0.010874, 0.933234, -1.66088, -0.011196, -0.0866533],
  ],
  [
    { size: { height: 24, width: 20 }, crop_size: { height: 16, width: 16 } },
    [0.0978176, 0.961799, -0.960152, -0.0262038, -0.797657],
  ],
  [
    { size: { shortest_edge: 16 }, crop_size: { height: 16, width: 16 }, do_normalize: false },
    [0.451619, 0.258083, 0.113725, 0.329412, 0.227451],
  ],
  [
    { size: { shortest_edge: 16 }, crop_size: { height: 16, width: 16 }, do_resize: false },
    [0.231541, 1.07413, 0.0179423, 1.5346, -1.13894],
  ],
  [{ size: 18, crop_size: 16 }, [0.0499781, 0.95318, -1.13533, 0.844247, -0.797657]],
  [
    { size: { shortest_edge: 16 }, crop_size: { height: 16, width: 16 }, do_rescale: false },
    [427.963, 245.676, 106.163, 319.714, 208.835],
  ],
  [
    { size: { shortest_edge: 12 }, crop_size: { height: 16, width: 16 } },
    [-0.4379, 1.06512, -1.79226, 0.243936, -1.48022],
  ],
]

describe('preprocessor_config.json', () => {
  const [width, height] = [37, 53]
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / (3 * width))]
    return [7 * x + 3 * y, x * y, (x ^ y) * 5][i % 3]!
  })
  const read = (config: Record<string, unknown>) => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'preprocessor_config.json'), JSON.stringify(config))
    return readClipPreprocessing(folder, 16)
  }

  it.each(REFERENCE)('%j is what transformers makes of it', (config, expected) => {
    const values = preprocessForClip({ width, height, channels: 3, data }, 16, read(config))
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
    const at = (channel: number, y: number, x: number): number => values[(channel * 16 + y) * 16 + x]!
    const found = [mean, deviation, at(0, 0, 0), at(1, 7, 9), at(2, 15, 15)]
    found.forEach((value, i) =>
      expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5 * Math.max(1, Math.abs(value))),
    )
  })

  it('is refused by name where it is no such thing', () => {
    expect(() => read({ image_mean: [1, 2] })).toThrow(/image_mean/)
    expect(() => read({ crop_size: 24 })).toThrow(/24×24/)
    expect(() => read({ resample: 9 })).toThrow(/resample/)
  })
})
