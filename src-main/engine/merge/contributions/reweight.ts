import type { MethodSettings } from '../../../contract/document/project'
import type { TensorView } from '../../checkpoint/model/checkpoint'
import type { RowCombination } from '../../tensor/weighted-sum'
import { layerSize } from './contributions'
import type { Contributions } from './contribution-file'
import type { StoredContribution } from './contribution-file'
import { emptySums, reportOf, rowSums, weightedMean, weightedSums, type LayerReport } from '../fusion/layer-report'
import { normaliserOf } from '../fusion/normalisers'
import type { LayerTask } from '../plan/merge-plan'

/**
 * A layer's merge as sums by rows: K(α) = K_0 + Σ α_m D_m / Σ α_m z_m (method.md, 'Model weights'; ADR 0008). Of models
 * whose differences are not kept, A_m = z_m K_0 + D_m is their own rows, each times a coefficient.
 */
export interface ReweightedLayer {
  /** What is summed: K_0, the models' differences, and the specialists' own weights. */
  views: TensorView[]
  combination: RowCombination
  /** Merged bias [rows]; null where the layer has none. */
  bias: Float64Array | null
  /** What the merge did to the layer, group by group. */
  report(mergedSquaredNorm: number): LayerReport[]
}

/**
 * Re-weights a layer from contributions.
 * @param biases of every model [rows], where the layer has some
 */
export function reweightLayer(
  task: LayerTask,
  contributions: Contributions,
  settings: MethodSettings,
  biases: readonly Float64Array[] | null,
): ReweightedLayer {
  const { layer, weights } = task
  const size = layerSize(task)
  const { rows } = size
  const stored = contributions.models.map((model) => model?.layers.get(layer.weight) ?? null)
  const known = stored.find((contribution) => contribution !== null)!
  const none = new Float64Array(rows)
  const parts = stored.map((contribution) => contribution?.rows ?? emptySums(rows))
  const total = weights.reduce((sum, weight) => sum + weight, 0)

  const differs = stored.map((contribution) => contribution?.differences != null)
  const differences = weights.map((weight, model) => (weight === 0 || !differs[model] ? null : new Float64Array(rows)))
  // Of models with differences, read only for rows that have nothing but their mean.
  const own = weights.map((weight, model) => (model > 0 && weight === 0 ? null : new Float64Array(rows)))
  const [base] = own
  const allDiffer = weights.every((weight, model) => weight === 0 || differs[model])
  /** Σ α_m z_m of a row, over the models with differences. */
  const differingPart = (row: number, sigma: number): number =>
    parts.reduce((sum, part, m) => {
      if (!differs[m]) return sum
      return sum + weights[m]! * normaliserOf(settings.normaliser, rowSums(part, row), sigma)
    }, 0)
  const weighted = weightedSums(parts, weights, 0, rows)
  const z = new Float64Array(rows)
  const kappa = new Float64Array(rows)
  const bias = biases && new Float64Array(rows)
  const withoutWeight = new Float64Array(rows)
  const divisors = new Float64Array(rows).fill(Infinity)
  for (let row = 0; row < rows; row++) {
    const sigma = known.rows.baseSigma[row]!
    const sums = rowSums(weighted, row)
    const normaliser = sigma > 0 ? normaliserOf(settings.normaliser, sums, sigma) : 0
    if (normaliser === 0) {
      if (sigma > 0) withoutWeight[row] = 1
      own.forEach((coefficients, model) => coefficients && (coefficients[row] = weights[model]! / total))
      z[row] = total
      kappa[row] = 1
      if (bias) bias[row] = weightedMean(weights, biases, row)
      continue
    }
    base![row] = allDiffer ? 1 : differingPart(row, sigma) / normaliser
    own.forEach((coefficients, m) => {
      if (coefficients && !differs[m])
        coefficients[row]! += (weights[m]! * parts[m]!.signed[row]!) / (sigma * normaliser)
    })
    divisors[row] = normaliser
    z[row] = normaliser
    kappa[row] = sums.absolute / (sigma * Math.abs(normaliser))
    if (bias) bias[row] = sums.bias / (sigma * normaliser)
  }
  differences.forEach((coefficients, model) => {
    if (!coefficients) return
    const { unit } = stored[model]!.rows
    for (let row = 0; row < rows; row++) coefficients[row] = (weights[model]! * unit[row]!) / divisors[row]!
  })
  const baseView = rowView(task, 0)
  return {
    views: [
      baseView,
      ...stored.map((contribution) => differenceView(baseView, contribution?.differences)),
      ...weights.slice(1).map((_, index) => rowView(task, index + 1)),
    ],
    combination: { rowLength: size.inputs, firstRow: 0, coefficients: [base!, ...differences, ...own.slice(1)] },
    bias,
    report: (mergedSquaredNorm) => {
      const baseSquaredNorm = known.rows.baseSquaredNorm.reduce((sum, value) => sum + value, 0)
      const normRatio = baseSquaredNorm > 0 ? Math.sqrt(mergedSquaredNorm / baseSquaredNorm) : 1
      const inGroup = rows / layer.kind.groups
      return contributions.thresholds.get(layer.weight)!.map((threshold, group) => {
        const cut = (values: Float64Array): Float64Array => values.subarray(group * inGroup, (group + 1) * inGroup)
        const cutSums = ({ signed, absolute, aligned, bias: biasSums }: (typeof parts)[number]) => ({
          signed: cut(signed),
          absolute: cut(absolute),
          aligned: cut(aligned),
          bias: cut(biasSums),
        })
        return reportOf({
          layer: { name: layer.weight, rows: inGroup, inputs: size.inputs },
          statistics: {
            sigma: stored.map((contribution, model) =>
              cut(model === 0 ? known.rows.baseSigma : (contribution?.rows.sigma ?? none)),
            ),
            own: stored.slice(1).map((contribution) => cut(contribution?.rows.own ?? none)),
          },
          weights,
          normaliser: settings.normaliser,
          threshold,
          parts: parts.map(cutSums),
          z: cut(z),
          kappa: cut(kappa),
          normRatio,
          rowsWithoutWeight: cut(withoutWeight).reduce((sum, one) => sum + one, 0),
        })
      })
    },
  }
}

/** A layer's weight with its rows as outputs: those of a transposed convolution are its second axis. */
function rowView({ views, layer: { kind } }: LayerTask, model: number): TensorView {
  const view = views[model]!
  if (!kind.transposedConvolution) return view
  const [first, second, ...area] = view.shape
  return { ...view, shape: [second!, first!, ...area], transposed: !view.transposed }
}

/** What stands in the place of differences that are not kept is never read. */
function differenceView(base: TensorView, differences: StoredContribution['differences'] | undefined): TensorView {
  const { name, shape } = base
  return differences ? { name, shape, stored: differences, start: 0, transposed: false } : base
}
