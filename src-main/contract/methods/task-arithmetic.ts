import type { MethodDescriptor } from './descriptor'
import { SCALE } from './parameters'

export const taskArithmetic = {
  name: 'task-arithmetic',
  title: 'Task arithmetic',
  summary: 'Adds what every specialist learnt to the base, times its weight.',
  reference: { title: 'Editing Models with Task Arithmetic', arxiv: '2212.04089' },
  family: 'changes',
  kind: 'linear',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [SCALE],
  leaderboard: [
    { name: 'task arithmetic 0.3', settings: { scale: 0.3 } },
    { name: 'task arithmetic 1.0', settings: { scale: 1 } },
  ],
} as const satisfies MethodDescriptor
