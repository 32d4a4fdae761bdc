import type { MethodDescriptor } from '../descriptor'

export const trainDifference = {
  name: 'train-difference',
  title: 'Train difference',
  summary:
    'Adds the second specialist’s changes to the first one, entry by entry, the more the further the two are apart.',
  reference: { title: 'Train difference, a mode of SuperMerger and sd-mecha', arxiv: null },
  family: 'changes',
  kind: 'elementwise',
  result: { kind: 'changes', addedTo: 1 },
  specialists: { least: 2, most: 2 },
  needs: null,
  parameters: [],
  leaderboard: [{ name: 'train difference' }],
} as const satisfies MethodDescriptor
