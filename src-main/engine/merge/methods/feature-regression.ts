import type { RegressionMethod } from './method'

/** Feature regression (method.md): each specialist's features on its own inputs, as a ridge problem per layer. */
export const featureRegression: RegressionMethod = {
  kind: 'regression',
  name: 'feature-regression',
  title: 'Feature regression',
  summary: "Fits every layer to each specialist's own features on real inputs of that specialist.",
  baseTakesPart: true,
  specialists: { least: 1, most: Infinity },
  uses: ['ridge'],
}
