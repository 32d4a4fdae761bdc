import type { MethodDescriptor, Parameter } from '../descriptor'
import { WEIGHTS_AS } from './weights-as'

const ITERATIONS = {
  kind: 'integer',
  key: 'iterations',
  label: 'Iterations',
  hint: 'Most steps towards the mean; a few are usually enough.',
  help: 'most steps towards the mean',
  default: 10,
  range: { min: 1, max: 1000 },
  step: 1,
} as const satisfies Parameter

const TOLERANCE = {
  kind: 'number',
  key: 'tolerance',
  label: 'Tolerance',
  hint: 'The angle in radians below which a step is the last one.',
  help: 'the angle, in radians, below which a step is the last one',
  default: 1e-5,
  range: { min: 0, max: 1, isAboveMin: true },
  step: 1e-5,
} as const satisfies Parameter

export const karcher = {
  name: 'karcher',
  title: 'Karcher mean',
  summary: 'The weighted mean of the directions of all models on a sphere, with the mean of their lengths.',
  reference: { title: 'Riemannian center of mass and mollifier smoothing', arxiv: null },
  family: 'spheres',
  kind: 'vector',
  result: { kind: 'average', base: 'weighed' },
  specialists: { least: 1, most: Infinity },
  needs: null,
  parameters: [ITERATIONS, TOLERANCE, WEIGHTS_AS],
  leaderboard: [{ name: 'Karcher mean' }],
} as const satisfies MethodDescriptor
