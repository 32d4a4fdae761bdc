import type { MethodDescriptor } from '../descriptor'
import { SCALE } from '../parameters'

export const isoC = {
  name: 'iso-c',
  title: 'Iso-C',
  summary: 'Adds up all changes and makes all directions of the sum equally strong.',
  reference: {
    title: 'No Task Left Behind: Isotropic Model Merging with Common and Task-Specific Subspaces',
    arxiv: '2502.04959',
  },
  family: 'directions',
  kind: 'matrix',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [SCALE],
  leaderboard: [
    { name: 'Iso-C', settings: { scale: 1 } },
    { name: 'Iso-C 0.75', settings: { scale: 0.75 } },
  ],
} as const satisfies MethodDescriptor
