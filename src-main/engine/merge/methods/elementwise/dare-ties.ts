import { dareTies as descriptor } from '../../../../contract/methods/elementwise/dare-ties'
import type { ElementwiseMethod } from '../method'
import { equalChances } from './dare'
import { startDropping } from './random-dropping'
import { sumOfAgreeing } from './sign-consensus'

/** DARE-TIES (mergekit's dare_ties): DARE's random dropping, then TIES' election of a sign per entry. */
export const dareTies = {
  ...descriptor,
  start: (context) => startDropping(context, equalChances(context.settings), sumOfAgreeing),
} satisfies ElementwiseMethod
