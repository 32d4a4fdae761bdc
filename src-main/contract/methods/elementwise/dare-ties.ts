import { dare } from './dare'
import type { MethodDescriptor } from '../descriptor'

export const dareTies = {
  ...dare,
  name: 'dare-ties',
  title: 'DARE-TIES',
  summary: 'Drops random changes of each specialist and adds those that agree in sign.',
  // What is left of every specialist adds up: this scale makes it their mean.
  leaderboard: [{ name: 'DARE-TIES', settings: { density: 0.5, scale: 1 }, perSpecialist: ['scale'] }],
} as const satisfies MethodDescriptor
