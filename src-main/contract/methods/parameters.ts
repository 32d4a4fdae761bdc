import { MOST_SAMPLES, MOST_WEIGHT } from '../values/limits'
import type { Parameter } from './descriptor'

/** Parameters that several methods share. */

export const SEED = {
  kind: 'integer',
  key: 'seed',
  label: 'Seed',
  hint: 'Determines everything random in the merge.',
  help: 'seed of everything random',
  default: 0,
  range: { min: 0, max: Number.MAX_SAFE_INTEGER },
  step: 1,
  isOfProject: true,
} as const satisfies Parameter

export const DENSITY = {
  kind: 'number',
  key: 'density',
  label: 'Density',
  hint: 'The part of every specialist’s changes that is kept; the rest is treated as unchanged.',
  help: "part of every specialist's changes that is kept",
  default: 0.5,
  range: { min: 0, max: 1, isAboveMin: true },
  offered: { min: 0.05, max: 1 },
  step: 0.05,
  control: 'slider',
  isAlwaysNamed: true,
} as const satisfies Parameter

export const SCALE = {
  kind: 'number',
  key: 'scale',
  label: 'Scale',
  hint: 'Factor on the merged changes. 1 adds them in full.',
  help: 'factor on the merged changes',
  default: 1,
  range: { min: -MOST_WEIGHT, max: MOST_WEIGHT },
  offered: { min: 0, max: 2 },
  step: 0.05,
  control: 'slider',
  isAlwaysNamed: true,
} as const satisfies Parameter

/** DARE and DARE-TIES. */
export const RESCALE = {
  kind: 'choice',
  key: 'rescale',
  label: 'Rescale',
  hint: 'How the kept changes are scaled up to replace the dropped ones.',
  help: 'how kept changes are scaled up to replace the dropped ones',
  default: 'density',
  choices: [
    /** 1 / density, as in the paper. */
    { value: 'density', label: 'by density' },
    { value: 'l1', label: 'to the old L1 norm' },
  ],
} as const satisfies Parameter

/** The number of random inputs; the paper's own is 100. */
export const SAMPLES = {
  kind: 'integer',
  key: 'samples',
  label: 'Samples',
  hint: 'The error of a correlation falls with the square root of their number; the paper uses 100.',
  help: 'number of random inputs of sampled statistics',
  default: 100,
  range: { min: 1, max: MOST_SAMPLES },
  offered: { min: 2, max: MOST_SAMPLES },
  step: 100,
  isOfProject: true,
} as const satisfies Parameter
