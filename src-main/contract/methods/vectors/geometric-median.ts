import type { MethodDescriptor } from '../descriptor'

export const geometricMedian = {
  name: 'geometric-median',
  title: 'Geometric median',
  summary:
    'The point with the least weighted sum of distances to all models: one model far from the others hardly counts.',
  reference: { title: 'Robust Aggregation for Federated Learning', arxiv: '1912.13445' },
  family: 'averages',
  kind: 'vector',
  result: { kind: 'average', base: 'weighed' },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [],
  leaderboard: [{ name: 'geometric median' }],
} as const satisfies MethodDescriptor
