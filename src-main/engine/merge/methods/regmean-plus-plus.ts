import { regmeanPlusPlus as descriptor } from '../../../contract/methods/sequential'
import type { SequentialMethod } from './method'

/** RegMean++ (Nguyen and others 2025): RegMean in the order of the network, on the merged network's own inputs. */
export const regmeanPlusPlus = {
  ...descriptor,
  features: 'merged',
  problem: (weights, { gramRidge, offDiagonals }) => ({ weights, ridge: gramRidge, gram: { offDiagonals } }),
} satisfies SequentialMethod
