import { FusionError } from '../../../contract/errors'
import type { MethodName } from '../../../contract/project'
import { addDifference } from './add-difference'
import { dare } from './dare'
import { dareTies } from './dare-ties'
import { featureFusion } from './feature-fusion'
import { featureRegression } from './feature-regression'
import type { MergeMethod } from './method'
import { soup } from './soup'
import { taskArithmetic } from './task-arithmetic'
import { ties } from './ties'
import { weightedSum } from './weighted-sum'

/** Every method that is built, in the order in which people see them. */
export const METHODS: readonly MergeMethod[] = [
  featureFusion,
  featureRegression,
  soup,
  weightedSum,
  addDifference,
  taskArithmetic,
  ties,
  dare,
  dareTies,
]

/** @throws FusionError 'unsupported' for a method that has a name and is not built yet */
export function methodNamed(name: MethodName): MergeMethod {
  const method = METHODS.find((candidate) => candidate.name === name)
  if (method) return method
  throw new FusionError('unsupported', `The method ${name} is not available in this version.`, {
    hint: `Available are ${METHODS.map((candidate) => candidate.name).join(', ')}.`,
  })
}
