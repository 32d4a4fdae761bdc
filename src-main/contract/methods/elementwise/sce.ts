import type { MethodDescriptor } from '../descriptor'
import { DENSITY, SCALE } from '../parameters'

export const sce = {
  name: 'sce',
  title: 'SCE',
  summary:
    'Keeps the entries in which specialists differ most, weighs each specialist by the size of its changes there, and adds up those that agree in sign.',
  reference: { title: 'FuseChat: Knowledge Fusion of Chat Models', arxiv: '2408.07990' },
  family: 'selection',
  kind: 'elementwise',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 2, most: Infinity },
  needs: null,
  parameters: [DENSITY, SCALE],
  leaderboard: [{ name: 'SCE', settings: { density: 0.1, scale: 1 } }],
} as const satisfies MethodDescriptor
