import type { MethodDescriptor } from '../descriptor'
import { SCALE } from '../parameters'
import { AXIS } from './axis'

export const nuslerp = {
  name: 'nuslerp',
  title: 'NuSLERP',
  summary: 'Turns from the changes of one specialist to those of another, by their weights, and adds them to the base.',
  reference: { title: 'NuSLERP, a method of mergekit', arxiv: null },
  family: 'spheres',
  kind: 'vector',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 2, most: 2 },
  needs: null,
  parameters: [AXIS, SCALE],
  leaderboard: [{ name: 'NuSLERP' }],
} as const satisfies MethodDescriptor
