import { describe, expect, it } from 'vitest'
import { ancestorWarning, distilledWarning } from '../../../../src-renderer/features/models/noise-warnings'

describe('merges that are likely to be noise', () => {
  it('are those with weights that have nothing in common with the base', () => {
    expect(ancestorWarning({ change: 1.41, cosine: 0.01, blocks: [] })?.message).toContain('no fine-tune of this base')
    expect(ancestorWarning({ change: 0.17, cosine: 0.986, blocks: [] })).toBeNull()
    expect(ancestorWarning({ change: null, cosine: null, blocks: [] })).toBeNull()
  })

  const named = (path: string, title = '') => ({
    path,
    files: [],
    modelspec: title === '' ? {} : { 'modelspec.title': title },
    adapter: null,
  })

  it.each(['sd_turbo.safetensors', 'dream-LCM-v2.safetensors', 'RealVis_Lightning.safetensors', 'hyper-sd.ckpt'])(
    '%s is made for few steps, and a plain base is not',
    (name) => {
      expect(distilledWarning(named(`/m/${name}`), named('/m/base.safetensors'))?.message).toContain('few steps')
      expect(distilledWarning(named(`/m/${name}`), named('/m/sdxl-turbo.safetensors'))).toBeNull()
    },
  )

  it('words inside other words say nothing, the title does, and adapters are for any model', () => {
    const base = named('/m/base.safetensors')
    expect(distilledWarning(named('/m/alchemy_turbocharged.safetensors'), base)).toBeNull()
    expect(distilledWarning(named('/m/a.safetensors', 'Some Turbo'), base)?.message).toContain('Turbo')
    const adapter = { ...named('/m/lcm.safetensors'), adapter: {} as never }
    expect(distilledWarning(adapter, base)).toBeNull()
  })
})
