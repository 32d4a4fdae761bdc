import type { Parameter } from '../descriptor'

/** Multi-SLERP and Karcher mean. */
export const WEIGHTS_AS = {
  kind: 'choice',
  key: 'weightsAs',
  label: 'Weights',
  hint: 'Whether weights are divided by their sum.',
  help: 'whether weights are divided by their sum (shares) or used as they are (factors)',
  default: 'shares',
  choices: [{ value: 'shares' }, { value: 'factors' }],
} as const satisfies Parameter
