import type { MethodResult } from './descriptor'

/** The parts of an average that weights stand for, base first: the weights, or the rest of 1 for the base. */
export function partsOfAverage(
  { base }: Extract<MethodResult, { kind: 'average' }>,
  weights: readonly number[],
): number[] {
  const [own, ...others] = weights
  return [base === 'rest' ? 1 - others.reduce((sum, weight) => sum + weight, 0) : own!, ...others]
}
