import type { MethodDescriptor, Parameter } from '../descriptor'
import { SCALE } from '../parameters'

const COMMON = {
  kind: 'number',
  key: 'commonPart',
  label: 'Common part',
  hint: 'The part of the directions that is taken from the sum of all changes; the rest is shared out to the specialists.',
  help: 'part of the directions that is taken from the sum of all changes',
  default: 0.8,
  range: { min: 0, max: 1 },
  step: 0.05,
  control: 'slider',
} as const satisfies Parameter

export const isoCts = {
  name: 'iso-cts',
  title: 'Iso-CTS',
  summary: 'Iso-C with directions of its own for every specialist, in place of the weakest common ones.',
  reference: {
    title: 'No Task Left Behind: Isotropic Model Merging with Common and Task-Specific Subspaces',
    arxiv: '2502.04959',
  },
  family: 'directions',
  kind: 'matrix',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [SCALE, COMMON],
  leaderboard: [{ name: 'Iso-CTS', settings: { scale: 1 } }],
} as const satisfies MethodDescriptor
