import { featureFusion as descriptor } from '../../../contract/methods/feature-fusion'
import type { FusionMethod } from './method'

/** FeatureFusion (paper, section 4; method.md): rows are merged with all rows that they correlate with. */
export const featureFusion = descriptor satisfies FusionMethod
