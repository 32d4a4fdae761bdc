import type { MethodDescriptor, Parameter } from '../descriptor'
import { SCALE } from '../parameters'

const CENTRE = {
  kind: 'choice',
  key: 'outlierCentre',
  label: 'Outliers from',
  hint: 'Where the distance is measured from that makes an entry an outlier.',
  help: 'where the distance of an outlier is measured from: zero, or the mean (as published; it depends on signs of singular vectors, which are a choice)',
  default: 'zero',
  choices: [
    { value: 'zero', hint: 'From zero: the same whatever the signs of singular vectors are.' },
    { value: 'mean', hint: 'From the mean, as published. The signs of singular vectors, which are a choice, count.' },
  ],
} as const satisfies Parameter

export const score = {
  name: 'score',
  title: 'SCORE',
  summary: 'Sees every change in common directions, drops what mixes them most, and adds up the rest.',
  reference: { title: 'Bridging Domains through Subspace-Aware Model Merging', arxiv: '2603.05768' },
  family: 'directions',
  kind: 'matrix',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [SCALE, CENTRE],
  leaderboard: [{ name: 'SCORE', settings: { scale: 1 } }],
} as const satisfies MethodDescriptor
