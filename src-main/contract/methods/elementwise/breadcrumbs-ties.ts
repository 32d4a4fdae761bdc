import type { MethodDescriptor } from '../descriptor'
import { breadcrumbs } from './breadcrumbs'

export const breadcrumbsTies = {
  ...breadcrumbs,
  name: 'breadcrumbs-ties',
  title: 'Breadcrumbs-TIES',
  summary: 'Drops changes as Breadcrumbs, then adds up those that agree in sign, as TIES.',
  leaderboard: [],
} as const satisfies MethodDescriptor
