import { expect, it } from 'vitest'
import type { LayerSummary } from '../../../../src-main/contract/inspect'
import { methodSchema } from '../../../../src-main/contract/document/project'
import { layerSentence } from '../../../../src-renderer/features/inspect/layer/layer-sentence'

const report = { minZ: 1, meanKappa: 1, maxKappa: 1, shares: [0.5, 0.3, 0.2] }
const summary = {
  deltaNormRatio: [0.1, 0.25],
  normalisers: { aligned: report, paper: { ...report, minZ: -2 } },
} as unknown as LayerSummary

it.each([
  [{ name: 'tsv' }, /^TSV-Merge merges it as a matrix; b changed it most, by 25\s% of its size\.$/],
  [{ name: 'ties' }, /^TIES merges it entry by entry; b changed it most, by 25\s% of its size\.$/],
  [{ name: 'feature-regression' }, /^Feature regression fits it to features on real inputs; b changed it most/],
  [{}, /^At equal weights FeatureFusion mixes base 50\s%, a 30\s% and b 20\s% here; nothing cancels/],
  [{ normaliser: 'paper' }, /coefficients cancel completely \(Z as low as −2\)/],
  [{ normaliser: 'abs' }, /^FeatureFusion was not computed for this normaliser/],
])('says what a method does to a layer: %j', (settings, words) => {
  expect(layerSentence(summary, methodSchema.parse(settings), ['base', 'a', 'b'])).toMatch(words)
})
