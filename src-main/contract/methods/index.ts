import { addDifference } from './add-difference'
import { dare } from './elementwise/dare'
import { dareTies } from './elementwise/dare-ties'
import type { MethodDescriptor, Parameter } from './descriptor'
import { featureFusion } from './feature-fusion'
import { featureRegression } from './feature-regression'
import { soup } from './soup'
import { taskArithmetic } from './task-arithmetic'
import { ties } from './elementwise/ties'
import { weightedSum } from './weighted-sum'

const DESCRIPTORS = [
  featureFusion,
  featureRegression,
  soup,
  weightedSum,
  addDifference,
  taskArithmetic,
  ties,
  dare,
  dareTies,
] as const satisfies readonly MethodDescriptor[]

type Descriptor = (typeof DESCRIPTORS)[number]
export type MethodName = Descriptor['name']
/** Any parameter of any method, with its own key and values. */
export type AnyParameter = Descriptor['parameters'][number]

/** Every method, in the order in which people see them. */
export const METHODS: readonly (MethodDescriptor & { name: MethodName })[] = DESCRIPTORS
export const METHOD_NAMES: readonly MethodName[] = METHODS.map(({ name }) => name)

export function describedMethod(name: MethodName): MethodDescriptor {
  return METHODS.find((method) => method.name === name)!
}

/** The parameters of all methods, each once, in the order in which the methods have them. */
export const PARAMETERS: readonly Parameter[] = [
  ...new Map(METHODS.flatMap(({ parameters }) => parameters.map((parameter) => [parameter.key, parameter]))).values(),
]
