import type { MethodDescriptor } from './descriptor'

export const gains = {
  name: 'gains',
  title: 'Block gains',
  summary: 'Scales layers of one model by their weights: with those that end its blocks, what every block adds.',
  reference: null,
  family: 'changes',
  kind: 'elementwise',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 1, most: 1 },
  needs: null,
  parameters: [],
  leaderboard: [],
} as const satisfies MethodDescriptor
