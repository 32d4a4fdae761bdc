import type { MethodDescriptor, Parameter } from './descriptor'

/** RegMean and the methods that follow the network. */
export const GRAM_RIDGE = {
  kind: 'number',
  key: 'gramRidge',
  label: 'Ridge',
  hint: 'How strongly a layer is pulled to the plain average, as a multiple of its inputs’ mean square. A lower value follows the samples more closely.',
  help: 'how strongly a layer is pulled to the plain average; 0: not at all',
  default: 0.03,
  range: { min: 0, max: 1e6 },
  offered: { min: 0, max: 10 },
  step: 0.001,
} as const satisfies Parameter

/** RegMean and RegMean++. */
export const OFF_DIAGONALS = {
  kind: 'number',
  key: 'offDiagonals',
  label: 'Off-diagonals',
  hint: 'How much of what an input has to do with the others counts. 1: all, 0: every input by itself.',
  help: "factor on what is not on the diagonal of the inputs' Gram matrices",
  default: 0.9,
  range: { min: 0, max: 1 },
  step: 0.05,
  control: 'slider',
} as const satisfies Parameter

export const regmean = {
  name: 'regmean',
  title: 'RegMean',
  summary: "Fits every layer to each specialist's own features by Gram matrices of its real inputs.",
  reference: { title: 'Dataless Knowledge Fusion by Merging Weights of Language Models', arxiv: '2212.09849' },
  family: 'features',
  kind: 'regression',
  result: { kind: 'average', base: 'weighed' },
  specialists: { least: 1, most: Infinity },
  needs: { kind: 'columns', advice: 'The merge is best on pictures like those in the calibration data.' },
  parameters: [OFF_DIAGONALS, GRAM_RIDGE],
  leaderboard: [{ name: 'RegMean' }],
} as const satisfies MethodDescriptor
