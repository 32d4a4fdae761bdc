import type { MethodDescriptor, Parameter } from '../descriptor'
import { WEIGHTS_AS } from './weights-as'

const ORIGIN = {
  kind: 'choice',
  key: 'origin',
  label: 'Origin',
  hint: 'Where the arcs have their centre.',
  help: 'where the arcs have their centre: at the base, or at zero',
  default: 'base',
  choices: [
    {
      value: 'base',
      label: 'the base',
      hint: 'Changes are turned and averaged; the base counts as a model without changes (weight 0: it does not count).',
    },
    { value: 'zero', hint: 'The weights themselves are turned and averaged, the base as one of the models.' },
  ],
} as const satisfies Parameter

export const multislerp = {
  name: 'multislerp',
  title: 'Multi-SLERP',
  summary: 'The weighted mean of directions, stretched to the weighted mean of lengths.',
  reference: { title: 'Multi-SLERP, a method of mergekit', arxiv: null },
  family: 'spheres',
  kind: 'vector',
  result: { kind: 'average', base: 'weighed' },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [ORIGIN, WEIGHTS_AS],
  leaderboard: [{ name: 'Multi-SLERP' }],
} as const satisfies MethodDescriptor
