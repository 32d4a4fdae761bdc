import type { LayerSummary } from '../../contract/inspect'
import { NORMALISERS, type Normaliser } from '../../contract/document/project'
import type { FusionLayer } from '../merge/fusion/fusion-layer'
import type { LayerRows } from '../merge/fusion/layer-rows'
import { normaliserOf, type RowSums } from '../merge/fusion/normalisers'
import type { RowStatistics } from '../merge/fusion/statistics'

/** What the correlations of a layer's rows say (golden/README.md, 'Heat maps'): no threshold, all weights 1. */
export type RowSummary = Pick<
  LayerSummary,
  'meanMaxAbsP' | 'meanAbsP' | 'meanOwnP' | 'ownRowIsBest' | 'deadBaseRows' | 'normalisers'
>

/** Per model, what the scan found for every base row. */
interface ModelScan {
  largest: Float64Array
  best: Float64Array
  magnitude: Float64Array
  signed: Float64Array
  absolute: Float64Array
  aligned: Float64Array
}

/**
 * Scans all pairs of rows of a layer.
 * @param fusion the layer, with the statistics to use
 * @param pause called between products: throws to stop
 */
export async function rowSummary(
  layer: LayerRows,
  fusion: FusionLayer,
  pause: () => Promise<void>,
): Promise<RowSummary> {
  const statistics = await fusion.statistics()
  const scans = Array.from({ length: layer.models }, () => emptyScan(layer.rows))
  await fusion.scan(
    'summary',
    statistics,
    ({ start, count, model, first, outputs }) => {
      const scan = scans[model]!
      const value = (name: string, row: number): number => Number(outputs[name]!.data[row])
      for (let row = 0; row < count; row++) {
        const at = start + row
        scan.magnitude[at]! += value('magnitude', row)
        scan.signed[at]! += value('signed', row)
        scan.absolute[at]! += value('absolute', row)
        scan.aligned[at]! += value('aligned', row)
        if (value('largest', row) <= scan.largest[at]!) continue
        scan.largest[at] = value('largest', row)
        scan.best[at] = first + value('best', row)
      }
    },
    pause,
  )
  const { sigma, own } = statistics
  return {
    meanMaxAbsP: scans.map(({ largest }) => mean(largest)),
    meanAbsP: scans.map(({ magnitude }) => mean(magnitude) / layer.rows),
    meanOwnP: scans.map((_, model) =>
      model === 0 ? mean(sigma[0]!.map((length) => (length > 0 ? 1 : 0))) : mean(own[model - 1]!),
    ),
    ownRowIsBest: scans.map(({ best }) => best.filter((found, row) => found === row).length / layer.rows),
    deadBaseRows: sigma[0]!.filter((length) => length === 0).length,
    normalisers: Object.fromEntries(
      NORMALISERS.map((normaliser) => [normaliser, normaliserSummary(normaliser, scans, statistics)]),
    ) as RowSummary['normalisers'],
  }
}

function normaliserSummary(
  normaliser: Normaliser,
  scans: readonly ModelScan[],
  { sigma }: RowStatistics,
): NonNullable<LayerSummary['normalisers'][Normaliser]> {
  const rows = sigma[0]!.length
  const kappa: number[] = []
  const shares = scans.map(() => 0)
  let minZ = Infinity
  for (let row = 0; row < rows; row++) {
    const length = sigma[0]![row]!
    // A dead row takes the mean of all models: Z = Σ α, κ = 1.
    const parts =
      length > 0 ? scans.map((scan) => normaliserOf(normaliser, sumsOf(scan, row), length)) : scans.map(() => 1)
    const z = parts.reduce((sum, part) => sum + part, 0)
    minZ = Math.min(minZ, z)
    if (length === 0) {
      kappa.push(1)
      continue
    }
    const absolute = scans.reduce((sum, scan) => sum + scan.absolute[row]!, 0) / length
    kappa.push(absolute / Math.abs(z))
    parts.forEach((part, model) => (shares[model]! += part / z))
  }
  const live = sigma[0]!.filter((length) => length > 0).length
  return {
    minZ,
    maxKappa: Math.max(...kappa),
    meanKappa: kappa.reduce((sum, value) => sum + value, 0) / rows,
    shares: shares.map((share) => (live > 0 ? share / live : 1 / scans.length)),
  }
}

function sumsOf({ signed, absolute, aligned }: ModelScan, row: number): RowSums {
  return { signed: signed[row]!, absolute: absolute[row]!, aligned: aligned[row]! }
}

function emptyScan(rows: number): ModelScan {
  const zeros = (): Float64Array => new Float64Array(rows)
  return {
    largest: zeros().fill(-1),
    best: zeros(),
    magnitude: zeros(),
    signed: zeros(),
    absolute: zeros(),
    aligned: zeros(),
  }
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
