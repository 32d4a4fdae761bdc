import { dellaLinear as descriptor } from '../../../../contract/methods/elementwise/della-linear'
import type { ElementwiseMethod } from '../method'
import { addUp } from './changes'
import { chancesByRank } from './della'
import { startDropping } from './random-dropping'

/** DELLA-linear (mergekit's della_linear): changes are dropped as by DELLA, and the rest adds up. */
export const dellaLinear = {
  ...descriptor,
  start: (context) => startDropping(context, chancesByRank(context), addUp),
} satisfies ElementwiseMethod
