import type { FusionMethod } from './method'

/** FeatureFusion (paper, section 4; method.md): rows are merged with all rows that they correlate with. */
export const featureFusion: FusionMethod = {
  kind: 'fusion',
  name: 'featurefusion',
  title: 'FeatureFusion',
  summary: 'Merges every row of a layer with the rows of all models that it correlates with.',
  baseTakesPart: true,
  specialists: { least: 1, most: Infinity },
  uses: ['statistics', 'samples', 'seed', 'normaliser', 'threshold'],
}
