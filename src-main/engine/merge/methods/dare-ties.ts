import { startDare, electDeltas } from './dare'
import type { ElementwiseMethod } from './method'

/** DARE-TIES (mergekit's dare_ties): DARE's random dropping, then TIES' election of a sign per entry. */
export const dareTies: ElementwiseMethod = {
  kind: 'elementwise',
  name: 'dare-ties',
  title: 'DARE-TIES',
  summary: 'Drops random changes of each specialist and adds those that agree in sign.',
  baseTakesPart: false,
  specialists: { least: 1, most: Infinity },
  uses: ['density', 'rescale', 'scale', 'seed'],
  start: (context) => startDare(context, electDeltas),
}
