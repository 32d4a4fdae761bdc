import { expect, it } from 'vitest'
import { featureFusion } from '../../../../src-main/contract/methods/feature-fusion'
import { settingDangers, withSafeDefaults } from '../../../../src-main/contract/methods/settings'

it('keeps an automatic threshold when another setting would move its default', () => {
  const settings = { normaliser: 'aligned', statistics: 'exact' }
  expect(withSafeDefaults(featureFusion, settings, { normaliser: 'paper' })).toEqual({
    ...{ normaliser: 'paper', threshold: 'auto' },
  })
  expect(withSafeDefaults(featureFusion, settings, { normaliser: 'abs' })).toEqual({ normaliser: 'abs' })
  const fixed = { ...settings, threshold: 0.3 }
  expect(withSafeDefaults(featureFusion, fixed, { normaliser: 'paper' })).toEqual({ normaliser: 'paper' })
})

it('warns of a threshold of 0 with the normaliser of the paper alone', () => {
  const dangers = (settings: Record<string, unknown>) => settingDangers(featureFusion, settings).map(({ key }) => key)
  expect(dangers({ normaliser: 'paper' })).toEqual(['threshold'])
  expect(dangers({ normaliser: 'paper', threshold: 0 })).toEqual(['threshold'])
  expect(dangers({ normaliser: 'paper', threshold: 0.1 })).toEqual([])
  expect(dangers({ normaliser: 'aligned', threshold: 0 })).toEqual([])
})
