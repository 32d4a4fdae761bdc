import { addPerpendicular as descriptor } from '../../../../contract/methods/vectors/add-perpendicular'
import type { VectorMethod } from '../method'

/**
 * Add perpendicular (sd-mecha): first specialist + weight · (the second's change without its part along the first's);
 * nothing where the first has not changed.
 */
export const addPerpendicular = {
  ...descriptor,
  along: () => 'tensor',
  combine(products, { weights: [, , weight] }) {
    const square = products.of(1, 1)
    if (square === 0) return [0, 1, 0]
    const along = products.of(1, 2) / square
    return [-weight! * (1 - along), 1 - weight! * along, weight!]
  },
} satisfies VectorMethod
