import type { LinearMethod } from './method'

/** Add difference: first specialist + weight · (second specialist − base); the weight is the second specialist's. */
export const addDifference: LinearMethod = {
  kind: 'linear',
  name: 'add-difference',
  title: 'Add difference',
  summary: 'Adds to the first specialist what the second one learnt beyond the base.',
  baseTakesPart: false,
  specialists: { least: 2, most: 2 },
  primary: 1,
  uses: [],
  combine: ([, , weight]) => ({ coefficients: [-weight!, 1, weight!], divisor: 1 }),
}
