import type { MethodDescriptor, Parameter } from '../descriptor'
import { SCALE } from '../parameters'

const FORM = {
  kind: 'choice',
  key: 'stockForm',
  label: 'Form',
  hint: 'Which vectors are compared.',
  help: "which vectors are compared: whole tensors, rows along the last axis, or rows of neighbouring specialists only (sd-mecha's form)",
  default: 'tensor',
  choices: [
    { value: 'tensor', label: 'whole tensors', hint: 'As in mergekit: all pairs of specialists, whole tensors.' },
    { value: 'rows', label: 'rows', hint: 'As mergekit’s filter_wise: all pairs, along the last axis.' },
    {
      value: 'neighbours',
      label: 'rows of neighbours',
      hint: 'As in sd-mecha: along the last axis, each specialist with the next one; their order counts.',
    },
  ],
} as const satisfies Parameter

export const modelStock = {
  name: 'model-stock',
  title: 'Model Stock',
  summary: 'Adds the mean of all changes, the less of it the more their directions differ.',
  reference: { title: 'Model Stock: All we need is just a few fine-tuned models', arxiv: '2403.19522' },
  family: 'changes',
  kind: 'vector',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 2, most: Infinity },
  needs: null,
  parameters: [FORM, SCALE],
  leaderboard: [{ name: 'Model Stock' }],
} as const satisfies MethodDescriptor
