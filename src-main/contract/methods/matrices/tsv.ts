import type { MethodDescriptor } from '../descriptor'
import { SCALE } from '../parameters'

export const tsv = {
  name: 'tsv',
  title: 'TSV-Merge',
  summary: 'Keeps the strongest directions of every change and makes them orthogonal to one another.',
  reference: { title: 'Task Singular Vectors: Reducing Task Interference in Model Merging', arxiv: '2412.00081' },
  family: 'directions',
  kind: 'matrix',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [SCALE],
  leaderboard: [{ name: 'TSV-Merge', settings: { scale: 1 } }],
} as const satisfies MethodDescriptor
