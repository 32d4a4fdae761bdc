import type { MethodDescriptor, Parameter } from '../descriptor'
import { DENSITY, SCALE } from '../parameters'

/** Breadcrumbs and Breadcrumbs-TIES. */
export const GAMMA = {
  kind: 'number',
  key: 'gamma',
  label: 'Gamma',
  hint: 'The part of every specialist’s changes that is dropped because it is the largest.',
  help: "part of every specialist's changes that is dropped because it is the largest",
  default: 0.01,
  range: { min: 0, max: 1 },
  step: 0.01,
} as const satisfies Parameter

export const breadcrumbs = {
  name: 'breadcrumbs',
  title: 'Breadcrumbs',
  summary: 'Drops the largest and the smallest changes of each specialist and adds the rest to the base.',
  reference: {
    title: 'Model Breadcrumbs: Scaling Multi-Task Model Merging with Sparse Masks',
    arxiv: '2312.06795',
  },
  family: 'selection',
  kind: 'elementwise',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [DENSITY, GAMMA, SCALE],
  leaderboard: [{ name: 'Breadcrumbs', settings: { density: 0.9, gamma: 0.01, scale: 0.3 } }],
} as const satisfies MethodDescriptor
