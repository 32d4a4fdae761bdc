import { regmean as descriptor } from '../../../contract/methods/regmean'
import type { RegressionMethod } from './method'

/** RegMean (Jin and others 2023): features on own inputs as in feature regression, by mean Gram matrices. */
export const regmean = {
  ...descriptor,
  problem: (weights, { gramRidge, offDiagonals }) => ({ weights, ridge: gramRidge, gram: { offDiagonals } }),
} satisfies RegressionMethod
