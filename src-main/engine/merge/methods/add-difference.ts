import { addDifference as descriptor } from '../../../contract/methods/add-difference'
import type { LinearMethod } from './method'

/** Add difference: first specialist + weight · (second specialist − base); the weight is the second specialist's. */
export const addDifference = {
  ...descriptor,
  combine: ([, , weight]) => ({ coefficients: [-weight!, 1, weight!], divisor: 1 }),
} satisfies LinearMethod
