import type { MethodDescriptor } from '../descriptor'
import { della } from './della'

export const dellaLinear = {
  ...della,
  name: 'della-linear',
  title: 'DELLA-linear',
  summary: 'Drops changes as DELLA, and adds the rest to the base.',
  leaderboard: [],
} as const satisfies MethodDescriptor
