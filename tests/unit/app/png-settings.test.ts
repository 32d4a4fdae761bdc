import { describe, expect, it } from 'vitest'
import { readPngSettings } from '../../../src-main/app/previews/png-settings'
import { previewSchema } from '../../../src-main/contract/document/project'
import { encodePng } from '../../../src-main/engine/image/png'

/** What a PNG says whose parameters hold these settings. */
function read(settings: Record<string, string>): ReturnType<typeof readPngSettings> {
  const picture = { width: 1, height: 1, channels: 3 as const, data: new Uint8Array(3) }
  const all = { Steps: '20', 'CFG scale': '7', Seed: '1', ...settings }
  return readPngSettings(
    encodePng(picture, { prompt: 'a ship', negativePrompt: 'fog', settings: new Map(Object.entries(all)) }),
  )
}

describe('settings in a PNG', () => {
  it.each([
    ['ddim', 'ddim', null],
    ['DDIM', 'ddim', null],
    ['PLMS', 'pndm', null],
    ['Euler', 'euler', null],
    ['Euler a', 'euler-ancestral', null],
    ['euler-ancestral', 'euler-ancestral', null],
    ['DPM++ 2M', 'dpmpp-2m', null],
    ['DPM++ 2M Karras', 'dpmpp-2m', 'Karras'],
    ['DPM++ 2M SDE Exponential', 'dpmpp-2m-sde', 'Exponential'],
    ['DPM++ SDE Karras', 'dpmpp-sde', 'Karras'],
    ['LMS Karras', 'lms', 'Karras'],
    ['UniPC', 'unipc', null],
    ['PNDMScheduler', 'pndm', null],
    ['DPM adaptive', null, null],
    ['Restart', null, null],
    ['constructor', null, null],
  ])('knows the sampler %s as %s', (sampler, scheduler, schedule) => {
    expect(read({ Sampler: sampler })).toMatchObject({ sampler, scheduler, schedule })
  })

  it('reads the schedule where newer pictures have it', () => {
    const sampler = { Sampler: 'DPM++ 2M' }
    expect(read({ ...sampler, 'Schedule type': 'Karras' })).toMatchObject({ scheduler: 'dpmpp-2m', schedule: 'Karras' })
    expect(read({ ...sampler, 'Schedule type': 'Automatic' })).toMatchObject({ schedule: null })
    expect(read({})).toMatchObject({ sampler: null, scheduler: null, schedule: null })
  })

  it('leaves out numbers that a project cannot have', () => {
    for (const wrong of ['-1', '1.5', 'x', '', '1e99', 'NaN']) {
      const { seed, steps, guidance } = read({ Seed: wrong, Steps: wrong, 'CFG scale': wrong })!
      const some = Object.entries({ steps, guidance, seeds: seed === null ? null : [seed] })
      expect(previewSchema.safeParse(Object.fromEntries(some.filter(([, value]) => value !== null))).success).toBe(true)
    }
  })

  it('reads seeds of 64 bits exactly', () => {
    expect(read({ Seed: '18446744073709551615' })!.seed).toBe('18446744073709551615')
    expect(read({ Seed: '9007199254740993' })!.seed).toBe('9007199254740993')
    expect(read({ Seed: '42' })!.seed).toBe(42)
    expect(read({ Seed: '18446744073709551616' })!.seed).toBeNull()
  })

  it('is refused for what is no PNG', () => {
    expect(() => readPngSettings(Buffer.from('GIF89a'))).toThrow(expect.objectContaining({ kind: 'malformed' }))
  })
})
