import type { MethodName } from '../../../contract/methods/index'
import { addDifference } from './add-difference'
import { dare } from './elementwise/dare'
import { dareTies } from './elementwise/dare-ties'
import { featureFusion } from './feature-fusion'
import { featureRegression } from './feature-regression'
import type { MergeMethod } from './method'
import { soup } from './soup'
import { taskArithmetic } from './task-arithmetic'
import { ties } from './elementwise/ties'
import { weightedSum } from './weighted-sum'

/** The arithmetic of every method that contract/methods describes. */
const METHODS: { readonly [Name in MethodName]: MergeMethod & { name: Name } } = {
  featurefusion: featureFusion,
  'feature-regression': featureRegression,
  soup,
  'weighted-sum': weightedSum,
  'add-difference': addDifference,
  'task-arithmetic': taskArithmetic,
  ties,
  dare,
  'dare-ties': dareTies,
}

export function methodNamed(name: MethodName): MergeMethod {
  return METHODS[name]
}
