import type { Parameter } from '../descriptor'

/** SLERP and NuSLERP: what counts as one vector. */
export const AXIS = {
  kind: 'choice',
  key: 'axis',
  label: 'Vectors',
  hint: 'What counts as one vector with a length and a direction.',
  help: 'what is one vector: the whole tensor, its rows (along the last axis), or its columns (along the first)',
  default: 'tensor',
  choices: [
    { value: 'tensor', label: 'whole tensors' },
    { value: 'rows', label: 'rows', hint: 'Along the last axis: of a 3 × 3 kernel three numbers at a time.' },
    { value: 'columns', label: 'columns', hint: 'Along the first axis: over the outputs of a layer.' },
  ],
} as const satisfies Parameter
