import { dareTies as descriptor } from '../../../../contract/methods/elementwise/dare-ties'
import { startDare, electDeltas } from './dare'
import type { ElementwiseMethod } from '../method'

/** DARE-TIES (mergekit's dare_ties): DARE's random dropping, then TIES' election of a sign per entry. */
export const dareTies = {
  ...descriptor,
  start: (context) => startDare(context, electDeltas),
} satisfies ElementwiseMethod
