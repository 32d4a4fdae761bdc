import type { MethodDescriptor, Parameter } from '../descriptor'
import { SCALE } from '../parameters'

const CALIBRATED = {
  kind: 'choice',
  key: 'calibrated',
  label: 'Merge to calibrate',
  hint: 'Which merge is calibrated.',
  help: 'which merge is calibrated: the sum of all changes (task arithmetic), or the first specialist, which is then a merge of the others, by any method',
  default: 'sum',
  choices: [
    { value: 'sum', label: 'the sum of all changes', hint: 'Task arithmetic of the specialists.' },
    {
      value: 'first',
      label: 'the first specialist',
      hint: 'The first specialist is a merge of the others, by any method: a file, or a project that makes it.',
    },
  ],
} as const satisfies Parameter

const LEAST = {
  kind: 'number',
  key: 'leastOverlap',
  label: 'Least overlap',
  hint: 'How often a direction counts at least for each specialist. 1 only weakens what several specialists share; lower values strengthen the rest.',
  help: 'how often a direction counts at least for each specialist',
  default: 1,
  range: { min: 0, max: 100, isAboveMin: true },
  offered: { min: 0.05, max: 2 },
  step: 0.05,
} as const satisfies Parameter

export const svc = {
  name: 'svc',
  title: 'Singular-value calibration',
  summary: 'Weakens the directions of a merge that several specialists have added up in.',
  reference: { title: 'When Shared Knowledge Hurts: Spectral Over-Accumulation in Model Merging', arxiv: '2602.05536' },
  family: 'directions',
  kind: 'matrix',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 2, most: Infinity },
  needs: null,
  parameters: [CALIBRATED, LEAST, { ...SCALE, when: { key: 'calibrated', is: 'sum' } }],
  leaderboard: [{ name: 'calibrated task arithmetic', settings: { scale: 1 } }],
} as const satisfies MethodDescriptor
