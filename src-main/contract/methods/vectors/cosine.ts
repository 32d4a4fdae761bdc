import type { MethodDescriptor, Parameter } from '../descriptor'

const SIMILARITY = {
  kind: 'choice',
  key: 'similarity',
  label: 'Similarity',
  hint: 'How similar base and specialist are.',
  help: 'cosines of columns along the first axis (columns, Cosine A), or their mean with that of the whole tensor (mixed, Cosine B)',
  default: 'columns',
  choices: [
    { value: 'columns', hint: 'Cosine A: along the first axis, over the outputs of a layer.' },
    { value: 'mixed', hint: 'Cosine B: the mean of that and the cosine of whole tensors.' },
  ],
} as const satisfies Parameter

const SHIFT = {
  kind: 'number',
  key: 'shift',
  label: 'Shift',
  hint: 'Taken off the similarity: the larger, the more of the specialist is used.',
  help: 'taken off the similarity: the larger, the more of the specialist is used',
  default: 0,
  range: { min: -1, max: 1 },
  step: 0.05,
  control: 'slider',
} as const satisfies Parameter

export const cosine = {
  name: 'cosine',
  title: 'Cosine',
  summary: 'Adds the changes of one specialist where base and specialist are least similar.',
  reference: { title: 'Cosine A and B, methods of SuperMerger and sd-mecha', arxiv: null },
  family: 'changes',
  kind: 'vector',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 1, most: 1 },
  needs: null,
  parameters: [SIMILARITY, SHIFT],
  leaderboard: [
    { name: 'cosine A', settings: { similarity: 'columns' } },
    { name: 'cosine B', settings: { similarity: 'mixed' } },
  ],
} as const satisfies MethodDescriptor
