import type { MethodDescriptor } from '../descriptor'

export const addPerpendicular = {
  name: 'add-perpendicular',
  title: 'Add perpendicular',
  summary: 'Adds to the first specialist that part of the second one’s changes that is perpendicular to its own.',
  reference: { title: 'Perpendicular component, a method of sd-mecha', arxiv: null },
  family: 'changes',
  kind: 'vector',
  result: { kind: 'changes', addedTo: 1 },
  specialists: { least: 2, most: 2 },
  needs: null,
  parameters: [],
  leaderboard: [{ name: 'add perpendicular' }],
} as const satisfies MethodDescriptor
