import { liesInFile } from '../../checkpoint/containers/container'
import { contributionOf } from '../fusion/fusion-layer'
import { ownSums, type SumSettings } from '../fusion/layer-sums'
import { passesOwnOnly } from '../fusion/screen'
import type { LayerArithmetic } from '../plan/merge-plan'
import { emptyRowValues, setRowValues, type RowValues } from './contribution-file'

/** What is known of the groups of a layer, of some of a plan's models, the base first. */
export interface KnownLayer {
  models: readonly number[]
  prepared: readonly SumSettings[]
}

/**
 * Whether a model contributes nothing to a layer but its own rows, each times a coefficient, and these lie in its file:
 * whoever sums them can read them there. Rows that are computed as they are read would be computed for every sum.
 */
export function sumsOwnRows({ views }: Pick<LayerArithmetic, 'views'>, known: KnownLayer, model: number): boolean {
  const place = known.models.indexOf(model)
  return liesInFile(views[model]!.stored) && known.prepared.every(({ screen }) => passesOwnOnly(screen, place))
}

/**
 * What belongs to the rows of such a model.
 * @param biases of the layer, of every model of the plan, where it has some
 */
export function ownRowValues(known: KnownLayer, model: number, biases: readonly Float64Array[] | null): RowValues {
  const place = known.models.indexOf(model)
  const rows = known.prepared[0]!.statistics.baseSquares.length
  const values = emptyRowValues(rows * known.prepared.length)
  for (const [index, settings] of known.prepared.entries()) {
    const first = index * rows
    const bias = biases?.[model]?.subarray(first, first + rows) ?? null
    setRowValues(values, first, contributionOf(settings.statistics, place, ownSums(settings, place, bias)))
    values.baseSquaredNorm.set(settings.statistics.baseSquares, first)
  }
  return values
}
