import { doraChange } from './dora'
import type { AddDelta, FactorShapes, Factors, LoadRows, RowChange, WeightShape } from './form'
import type { FormName, FormSettings } from './settings'

/** DoRA's magnitudes: LyCORIS' name, and PEFT's, whose axis is always the output. */
export const MAGNITUDES = ['dora_scale', 'lora_magnitude_vector'] as const

/** Forms whose D depends on the adapter's factors alone. */
const SUMS: ReadonlySet<FormName> = new Set(['lora', 'loha', 'lokr', 'full'])

/**
 * Whether a module's change is a sum W + scale · multiplier · D in which D does not depend on W: such changes of one
 * weight may be made one after the other, in any order, with any multipliers.
 */
export function isSum(form: FormName, shape: FactorShapes): boolean {
  return SUMS.has(form) && MAGNITUDES.every((name) => shape(name) === undefined)
}

/** The change of a form whose D is added to W: with magnitudes where the module has them (DoRA). */
export function additiveChange(
  addDelta: AddDelta,
  weight: WeightShape,
  factors: Factors,
  settings: FormSettings,
  load: LoadRows,
): RowChange {
  const name = MAGNITUDES.find((magnitude) => factors.shape(magnitude) !== undefined)
  if (name === undefined) {
    const factor = settings.scale * settings.multiplier
    return { rowsTogether: 1, change: (block) => addDelta(block, factor) }
  }
  const onOutput = isOnOutput(weight, name, factors.shape)
  return doraChange(addDelta, weight, { values: factors.whole(name), onOutput }, settings, load)
}

/** Why a module's magnitudes do not fit its weight. */
export function magnitudeMisfit(weight: WeightShape, shape: FactorShapes): string | undefined {
  const name = MAGNITUDES.find((magnitude) => shape(magnitude) !== undefined)
  const found = name === undefined ? undefined : shape(name)
  if (name === undefined || !found) return undefined
  const count = found.reduce((product, size) => product * size, 1)
  if (count === (isOnOutput(weight, name, shape) ? weight.rows : weight.inputs)) return undefined
  return `${name} is [${found.join(', ')}], neither one number per output (${weight.rows}) nor per input (${weight.inputs})`
}

/** Norms along the outputs ([out, 1 …]) or the inputs ([1, in, 1 …]); the shape says it, even of square weights. */
function isOnOutput({ rows, inputs }: WeightShape, name: string, shape: FactorShapes): boolean {
  const found = shape(name) ?? []
  return name !== 'dora_scale' || found[0] === rows || found.length < 2 || found[1] !== inputs
}
