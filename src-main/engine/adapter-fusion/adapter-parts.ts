import { isSum } from '../adapter-forms/additive'
import type { FactorShapes } from '../adapter-forms/form'
import { FORMS } from '../adapter-forms/index'
import { weightShape } from '../adapter-forms/matrices'
import { factorsOf } from '../checkpoint/containers/derived/computed-rows'
import type { ComputedTensor } from '../checkpoint/containers/container'
import type { TensorReader } from '../checkpoint/containers/tensor-reader'
import type { TensorView } from '../checkpoint/model/checkpoint'
import type { LoraComponent } from '../extract/lora-names'
import type { ScaledProduct } from './stacked-factors'

/** What one adapter does to a tensor of the base. */
export interface AdapterPart {
  /** Place of the adapter among the plan's models; the base is 0. */
  model: number
  view: TensorView
  change: ComputedTensor
  /** Times which the change is added. */
  coefficient: number
}

/** A tensor of the base with all that adapters do to it. */
export interface FusedTensor {
  component: LoraComponent
  base: TensorView
  /** Not empty. */
  parts: readonly AdapterPart[]
}

/** Whether a part is a product of two matrices of low rank, exactly; headers tell it. */
export function isLowRank({ change }: AdapterPart): boolean {
  const { form, weight } = change
  const shape = shapesOf(change)
  return isSum(form, shape) && (FORMS[form].lowRank?.rank(weightShape(weight.shape), shape) ?? null) !== null
}

/** Reads the factors of a part that is of low rank. @throws FusionError 'not-finite' and whatever reading throws */
export function productOf({ change, coefficient }: AdapterPart, reader: TensorReader): ScaledProduct {
  const { form, weight, settings } = change
  const factors = factorsOf(change, reader)
  const product = FORMS[form].lowRank!.product(weightShape(weight.shape), factors)
  return { ...product, scale: settings.scale * settings.multiplier * coefficient }
}

/**
 * What a part adds to a bias or a norm, where the file holds it as it is; undefined for forms that compute it.
 * @throws FusionError 'not-finite' and whatever reading throws
 */
export function storedChange({ change, coefficient }: AdapterPart, reader: TensorReader): Float64Array | undefined {
  const { form, settings } = change
  if (form !== 'full' || !isSum(form, shapesOf(change))) return undefined
  const factor = settings.scale * settings.multiplier * coefficient
  return Float64Array.from(factorsOf(change, reader).whole('diff'), (value) => value * factor)
}

function shapesOf({ factors }: ComputedTensor): FactorShapes {
  return (name) => factors[name]?.shape
}
