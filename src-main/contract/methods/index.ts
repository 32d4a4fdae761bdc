import { addDifference } from './add-difference'
import { dare } from './elementwise/dare'
import { dareTies } from './elementwise/dare-ties'
import type { MethodDescriptor, Parameter } from './descriptor'
import { featureFusion } from './feature-fusion'
import { featureRegression } from './feature-regression'
import { regmean } from './regmean'
import { driftCorrected, regmeanPlusPlus } from './sequential'
import { soup } from './soup'
import { taskArithmetic } from './task-arithmetic'
import { gains } from './gains'
import { ties } from './elementwise/ties'
import { breadcrumbs } from './elementwise/breadcrumbs'
import { breadcrumbsTies } from './elementwise/breadcrumbs-ties'
import { della } from './elementwise/della'
import { dellaLinear } from './elementwise/della-linear'
import { ram } from './elementwise/ram'
import { sce } from './elementwise/sce'
import { trainDifference } from './elementwise/train-difference'
import { tsv } from './matrices/tsv'
import { isoC } from './matrices/iso-c'
import { isoCts } from './matrices/iso-cts'
import { score } from './matrices/score'
import { dataFreeRegression } from './matrices/data-free-regression'
import { svc } from './matrices/svc'
import { npLora } from './matrices/np-lora'
import { addPerpendicular } from './vectors/add-perpendicular'
import { cosine } from './vectors/cosine'
import { geometricMedian } from './vectors/geometric-median'
import { karcher } from './vectors/karcher'
import { modelStock } from './vectors/model-stock'
import { multislerp } from './vectors/multislerp'
import { nuslerp } from './vectors/nuslerp'
import { slerp } from './vectors/slerp'
import { weightedSum } from './weighted-sum'
import { zipit } from './zipit'

const DESCRIPTORS = [
  featureFusion,
  featureRegression,
  regmean,
  regmeanPlusPlus,
  driftCorrected,
  zipit,
  soup,
  weightedSum,
  geometricMedian,
  taskArithmetic,
  addDifference,
  gains,
  trainDifference,
  addPerpendicular,
  cosine,
  modelStock,
  ties,
  dare,
  dareTies,
  breadcrumbs,
  breadcrumbsTies,
  della,
  dellaLinear,
  sce,
  ram,
  tsv,
  isoC,
  isoCts,
  score,
  dataFreeRegression,
  svc,
  npLora,
  slerp,
  nuslerp,
  multislerp,
  karcher,
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
