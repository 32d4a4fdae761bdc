import { taskArithmetic as descriptor } from '../../../contract/methods/task-arithmetic'
import type { LinearMethod } from './method'

/** Task arithmetic: base + scale · Σ w_m (w_m − w_0), as mergekit's task_arithmetic without normalisation. */
export const taskArithmetic = {
  ...descriptor,
  combine([, ...weights], { scale }) {
    const scaled = weights.map((weight) => scale * weight)
    return { coefficients: [1 - scaled.reduce((sum, weight) => sum + weight, 0), ...scaled], divisor: 1 }
  },
} satisfies LinearMethod
