import type { MethodDescriptor, Parameter } from './descriptor'

export const RIDGE = {
  kind: 'number',
  key: 'ridge',
  label: 'Ridge',
  hint: 'How strongly the merge is pulled to the plain average, as a multiple of the inputs’ mean square. A lower value follows the samples more closely.',
  help: 'how strongly the merge is pulled to the plain average',
  default: 1,
  range: { min: 0, max: 1e6, isAboveMin: true },
  offered: { min: 0.0001, max: 10_000 },
  step: 0.1,
  isOfProject: true,
} as const satisfies Parameter

export const featureRegression = {
  name: 'feature-regression',
  title: 'Feature regression',
  summary: "Fits every layer to each specialist's own features on real inputs of that specialist.",
  // Its idea, in another form (method.md, 'Feature regression').
  reference: { title: 'Dataless Knowledge Fusion by Merging Weights of Language Models', arxiv: '2212.09849' },
  family: 'features',
  kind: 'regression',
  result: { kind: 'average', base: 'weighed' },
  specialists: { least: 1, most: Infinity },
  needs: { kind: 'columns', advice: 'The merge is best on pictures like those in the calibration data.' },
  parameters: [RIDGE],
  leaderboard: [{ name: 'feature regression' }],
} as const satisfies MethodDescriptor
