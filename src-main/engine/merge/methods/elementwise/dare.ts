import { dare as descriptor } from '../../../../contract/methods/elementwise/dare'
import type { MethodSettings } from '../../../../contract/document/project'
import type { ElementwiseMethod } from '../method'
import { addUp } from './changes'
import { startDropping, type Chances } from './random-dropping'

/** Every entry stays with the same chance. */
export function equalChances({ density }: MethodSettings): Chances {
  return { of: () => density }
}

/** DARE (Yu et al. 2024; mergekit's dare_linear): random changes are dropped, the rest grows, and they add up. */
export const dare = {
  ...descriptor,
  start: (context) => startDropping(context, equalChances(context.settings), addUp),
} satisfies ElementwiseMethod
