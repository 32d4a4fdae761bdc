import { featureRegression as descriptor } from '../../../contract/methods/feature-regression'
import type { RegressionMethod } from './method'

/** Feature regression (method.md): each specialist's features on its own inputs, as a ridge problem per layer. */
export const featureRegression = {
  ...descriptor,
  problem: (weights, { ridge }) => ({ weights, ridge }),
} satisfies RegressionMethod
