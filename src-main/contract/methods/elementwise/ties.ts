import type { MethodDescriptor, Parameter } from '../descriptor'
import { DENSITY, SCALE } from '../parameters'

const SIGN = {
  kind: 'choice',
  key: 'sign',
  label: 'Sign',
  hint: 'How the sign of a change is chosen.',
  help: 'how the sign of a change is chosen: by the sum of all changes, or by their number',
  default: 'sum',
  choices: [
    { value: 'sum', label: 'by total size' },
    { value: 'count', label: 'by number' },
  ],
} as const satisfies Parameter

export const ties = {
  name: 'ties',
  title: 'TIES',
  summary: 'Keeps the largest changes of each specialist and averages those that agree in sign.',
  reference: { title: 'TIES-Merging: Resolving Interference When Merging Models', arxiv: '2306.01708' },
  kind: 'elementwise',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [DENSITY, SCALE, SIGN],
  leaderboard: [{ name: 'TIES', settings: { density: 0.2, scale: 1 } }],
} as const satisfies MethodDescriptor
