import { gains as descriptor } from '../../../contract/methods/gains'
import type { ElementwiseMethod } from './method'

/**
 * The specialist with every tensor times its weight. Weights of the last layers of residual branches, their biases with
 * them, scale what the branches add, because those layers are linear; all others stay at 1. No linear method: those are
 * affine, their coefficients sum to 1.
 */
export const gains = {
  ...descriptor,
  start: ({ weights }) => ({
    scans: [],
    apply({ others }, into) {
      const [gain, values] = [weights[1]!, others[0]!]
      for (let at = 0; at < into.length; at++) into[at] = gain * values[at]!
    },
  }),
} satisfies ElementwiseMethod
