import type { LinearMethod } from './method'

/** Task arithmetic: base + scale · Σ w_m (w_m − w_0), as mergekit's task_arithmetic without normalisation. */
export const taskArithmetic: LinearMethod = {
  kind: 'linear',
  name: 'task-arithmetic',
  title: 'Task arithmetic',
  summary: 'Adds what every specialist learnt to the base, times its weight.',
  baseTakesPart: false,
  specialists: { least: 1, most: Infinity },
  uses: ['scale'],
  combine([, ...weights], { scale }) {
    const scaled = weights.map((weight) => scale * weight)
    return { coefficients: [1 - scaled.reduce((sum, weight) => sum + weight, 0), ...scaled], divisor: 1 }
  },
}
