import { zipit as descriptor } from '../../../contract/methods/zipit'
import type { LinearMethod } from './method'

/** ZipIt!: the mean of two models whose hidden units were put together when the merge was planned (plan/export/zip-plan.ts). */
export const zipit = {
  ...descriptor,
  combine: (weights) => ({ coefficients: weights.map(() => 1), divisor: weights.length }),
} satisfies LinearMethod
