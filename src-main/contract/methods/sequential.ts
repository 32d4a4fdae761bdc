import type { MethodDescriptor, Parameter } from './descriptor'
import { MOST_SAMPLES } from '../values/limits'
import { GRAM_RIDGE, OFF_DIAGONALS } from './regmean'

const FIT_COLUMNS = {
  kind: 'integer',
  key: 'fitColumns',
  label: 'Columns per layer',
  hint: 'Inputs per layer and model that a layer is fitted to. More take more memory and time, and keep more.',
  help: 'inputs per layer and model that a layer is fitted to',
  default: 4096,
  range: { min: 1, max: MOST_SAMPLES },
  offered: { min: 256, max: 16_384 },
  step: 256,
} as const satisfies Parameter

const FIT_RUNS = {
  kind: 'integer',
  key: 'fitRuns',
  label: 'Runs',
  hint: 'How many of the recorded runs of each model go through the network: pictures times timesteps.',
  help: 'runs of each model, of those in the calibration file, that go through the network',
  default: 120,
  range: { min: 1, max: 1000 },
  step: 10,
} as const satisfies Parameter

const SHARED = {
  family: 'features',
  kind: 'sequential',
  result: { kind: 'average', base: 'weighed' },
  specialists: { least: 1, most: Infinity },
  needs: {
    kind: 'runs',
    advice:
      'The merged network is run for this: it takes minutes for small models, hours for large ones. The lower the weight of the base, the more of the specialists it keeps, and the less of the base.',
  },
} as const

export const regmeanPlusPlus = {
  name: 'regmean-plus-plus',
  title: 'RegMean++',
  summary: 'Fits layer by layer, each on what the layers merged before it give it.',
  reference: {
    title: 'RegMean++: Enhancing Effectiveness and Generalization of Regression Mean for Model Merging',
    arxiv: '2508.03121',
  },
  ...SHARED,
  parameters: [OFF_DIAGONALS, GRAM_RIDGE, FIT_COLUMNS, FIT_RUNS],
  leaderboard: [{ name: 'RegMean++' }],
} as const satisfies MethodDescriptor

export const driftCorrected = {
  name: 'drift-corrected',
  title: 'Drift-corrected regression',
  summary:
    "Fits layer by layer to each specialist's own features, from what the merged network really gives the layer.",
  reference: null,
  ...SHARED,
  needs: {
    ...SHARED.needs,
    advice: `${SHARED.needs.advice} Calibrated near the noise (min timestep 500 of 1000), the demo's merges draw more of what specialists know, with coarser details.`,
  },
  parameters: [GRAM_RIDGE, FIT_COLUMNS, FIT_RUNS],
  leaderboard: [{ name: 'drift-corrected' }],
} as const satisfies MethodDescriptor
