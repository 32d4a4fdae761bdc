import { driftCorrected as descriptor } from '../../../contract/methods/sequential'
import type { SequentialMethod } from './method'

/** Drift-corrected regression (method.md): as RegMean++, but to each model's features on its own inputs. */
export const driftCorrected = {
  ...descriptor,
  features: 'own',
  problem: (weights, { gramRidge }) => ({ weights, ridge: gramRidge, gram: { offDiagonals: 1 } }),
} satisfies SequentialMethod
