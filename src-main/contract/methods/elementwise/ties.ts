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

const FORM = {
  kind: 'choice',
  key: 'tiesForm',
  label: 'Form',
  hint: 'Whose definition is followed.',
  help: 'whose definition of TIES is followed',
  default: 'mergekit',
  choices: [
    {
      value: 'mergekit',
      hint: 'As in mergekit: changes that agree are divided by their weights; a tie counts as positive.',
    },
    {
      value: 'sd-mecha',
      hint: 'As in sd-mecha: weighted changes that agree are divided by their number; a tie leaves the base.',
    },
  ],
} as const satisfies Parameter

export const ties = {
  name: 'ties',
  title: 'TIES',
  summary: 'Keeps the largest changes of each specialist and averages those that agree in sign.',
  reference: { title: 'TIES-Merging: Resolving Interference When Merging Models', arxiv: '2306.01708' },
  family: 'selection',
  kind: 'elementwise',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [DENSITY, SCALE, SIGN, FORM],
  leaderboard: [{ name: 'TIES', settings: { density: 0.2, scale: 1 } }],
} as const satisfies MethodDescriptor
