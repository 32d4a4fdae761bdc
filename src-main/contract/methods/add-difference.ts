import type { MethodDescriptor } from './descriptor'

export const addDifference = {
  name: 'add-difference',
  title: 'Add difference',
  summary: 'Adds to the first specialist what the second one learnt beyond the base.',
  reference: null,
  family: 'changes',
  kind: 'linear',
  result: { kind: 'changes', addedTo: 1 },
  specialists: { least: 2, most: 2 },
  needs: null,
  parameters: [],
  leaderboard: [],
} as const satisfies MethodDescriptor
