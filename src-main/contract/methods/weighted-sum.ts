import type { MethodDescriptor } from './descriptor'

export const weightedSum = {
  name: 'weighted-sum',
  title: 'Weighted sum',
  summary: 'Each specialist has the share that its weight says; the base has the rest.',
  reference: null,
  family: 'averages',
  kind: 'linear',
  result: { kind: 'average', base: 'rest' },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [],
  leaderboard: [{ name: 'weighted sum, half base', totalWeight: 0.5 }],
} as const satisfies MethodDescriptor
