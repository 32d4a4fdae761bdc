import type { MethodDescriptor, Parameter } from '../descriptor'
import { SCALE } from '../parameters'

const RIDGE = {
  kind: 'number',
  key: 'changeRidge',
  label: 'Ridge',
  hint: 'How strongly the merge is pulled to the sum of all changes, as a multiple of their mean square. 0 fits them as closely as can be.',
  help: "how strongly data-free regression is pulled to the sum of all changes, as a multiple of the changes' mean square",
  default: 0.1,
  range: { min: 0, max: 1e6 },
  offered: { min: 0, max: 10 },
  step: 0.01,
} as const satisfies Parameter

export const dataFreeRegression = {
  name: 'data-free-regression',
  title: 'Data-free regression',
  summary: 'Fits every layer to each specialist’s own change on the inputs that this change answers to, without data.',
  reference: {
    title: 'Whoever Started the Interference Should End It: Guiding Data-Free Model Merging via Task Vectors',
    arxiv: '2503.08099',
  },
  family: 'directions',
  kind: 'matrix',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [SCALE, RIDGE],
  leaderboard: [
    { name: 'data-free regression', settings: { scale: 1 } },
    { name: 'data-free regression 0.75', settings: { scale: 0.75 } },
  ],
} as const satisfies MethodDescriptor
