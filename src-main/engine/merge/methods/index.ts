import type { MethodName } from '../../../contract/methods/index'
import { addDifference } from './add-difference'
import { gains } from './gains'
import { dare } from './elementwise/dare'
import { dareTies } from './elementwise/dare-ties'
import { featureFusion } from './feature-fusion'
import { featureRegression } from './feature-regression'
import type { MergeMethod } from './method'
import { driftCorrected } from './drift-corrected'
import { regmean } from './regmean'
import { regmeanPlusPlus } from './regmean-plus-plus'
import { soup } from './soup'
import { taskArithmetic } from './task-arithmetic'
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

/** The arithmetic of every method that contract/methods describes. */
const METHODS: { readonly [Name in MethodName]: MergeMethod & { name: Name } } = {
  featurefusion: featureFusion,
  'feature-regression': featureRegression,
  regmean,
  'regmean-plus-plus': regmeanPlusPlus,
  'drift-corrected': driftCorrected,
  zipit,
  soup,
  'weighted-sum': weightedSum,
  'geometric-median': geometricMedian,
  'task-arithmetic': taskArithmetic,
  'add-difference': addDifference,
  gains,
  'train-difference': trainDifference,
  'add-perpendicular': addPerpendicular,
  cosine,
  'model-stock': modelStock,
  ties,
  dare,
  'dare-ties': dareTies,
  breadcrumbs,
  'breadcrumbs-ties': breadcrumbsTies,
  della,
  'della-linear': dellaLinear,
  sce,
  ram,
  tsv,
  'iso-c': isoC,
  'iso-cts': isoCts,
  score,
  'data-free-regression': dataFreeRegression,
  svc,
  'np-lora': npLora,
  slerp,
  nuslerp,
  multislerp,
  karcher,
}

export function methodNamed(name: MethodName): MergeMethod {
  return METHODS[name]
}
