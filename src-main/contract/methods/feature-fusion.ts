import type { MethodDescriptor, Parameter } from './descriptor'
import { SAMPLES, SEED } from './parameters'

/** Statistics behind the correlations (method.md, 'Statistics of a layer'). */
export const STATISTICS = {
  kind: 'choice',
  key: 'statistics',
  label: 'Statistics',
  hint: 'What the correlations are computed from.',
  help: 'what correlations are computed from',
  default: 'exact',
  choices: [
    { value: 'exact', hint: 'Computed from the weights: the limit of infinitely many samples.' },
    { value: 'sampled', hint: 'From random inputs, as in the paper; determined by the seed.' },
    {
      value: 'calibrated',
      hint: 'From real inputs of the base’s layers: the calibration data below.',
      needs: {
        kind: 'columns',
        advice: 'Real inputs vary in few directions, so unrelated rows pass the threshold more easily.',
      },
    },
  ],
} as const satisfies Parameter

export const NORMALISER = {
  kind: 'choice',
  key: 'normaliser',
  label: 'Normaliser',
  hint: 'What merged rows are divided by.',
  help: 'what merged rows are divided by',
  default: 'aligned',
  choices: [
    {
      value: 'aligned',
      hint: 'Keeps the scale of every row; coefficients cannot cancel. The safe choice.',
    },
    {
      value: 'paper',
      hint: 'As in equation 16 of the paper. Coefficients can cancel and amplify noise: check the condition numbers.',
    },
    { value: 'abs', hint: 'Divides by the sum of magnitudes.' },
  ],
  isAlwaysNamed: true,
} as const satisfies Parameter

/** Least |P| that takes part (method.md, 'Normalisation and merge'). */
export const THRESHOLD = {
  kind: 'automatic',
  key: 'threshold',
  label: 'Correlation threshold',
  hint: 'Rows with a lower correlation are left out. Automatic: just above the level of random rows, computed for every layer.',
  help: 'least |correlation| that takes part',
  default: { by: 'normaliser', values: { aligned: 'auto', abs: 'auto', paper: 0 } },
  range: { min: 0, max: 1 },
  step: 0.05,
  fixed: 0.5,
  danger: {
    upTo: 0,
    when: { key: 'normaliser', is: 'paper' },
    words:
      'Without a threshold, sums of coefficients can cancel in the paper’s normaliser: most such merges draw noise.',
  },
} as const satisfies Parameter

const WHEN_SAMPLED = { when: { key: 'statistics', is: 'sampled' } } as const

export const featureFusion = {
  name: 'featurefusion',
  title: 'FeatureFusion',
  summary: 'Merges every row of a layer with the rows of all models that it correlates with.',
  reference: {
    title: 'FeatureFusion: Merging Diffusion Models Through Representation Correlations',
    arxiv: null,
  },
  family: 'features',
  kind: 'fusion',
  result: { kind: 'average', base: 'weighed' },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [STATISTICS, NORMALISER, THRESHOLD, { ...SAMPLES, ...WHEN_SAMPLED }, { ...SEED, ...WHEN_SAMPLED }],
  leaderboard: [
    { name: 'FeatureFusion, aligned', settings: { normaliser: 'aligned', threshold: 'auto' } },
    { name: 'FeatureFusion, abs', settings: { normaliser: 'abs', threshold: 'auto' } },
    { name: 'FeatureFusion, paper', settings: { normaliser: 'paper', threshold: 'auto' } },
    { name: 'FeatureFusion, paper without threshold', settings: { normaliser: 'paper', threshold: 0 } },
    {
      name: 'FeatureFusion, sampled',
      settings: { statistics: 'sampled', normaliser: 'aligned', threshold: 'auto' },
    },
    {
      name: 'FeatureFusion, calibrated',
      settings: { statistics: 'calibrated', normaliser: 'aligned', threshold: 'auto' },
    },
  ],
} as const satisfies MethodDescriptor
