import type { YieldOrCancel } from '../../cancel'
import type { Normaliser } from '../../../contract/document/project'
import type { TensorReader } from '../../checkpoint/containers/tensor-reader'
import { BYTES_PER_ELEMENT } from '../../tensor/element-type'
import type { Kernels } from '../../tensor/kernels'
import type { FusionLayer } from '../fusion/fusion-layer'
import type { TensorRows } from '../fusion/layer-rows'
import type { SumSettings } from '../fusion/layer-sums'
import { groupsOf, readBiases } from '../jobs/layer-inputs'
import { viewInputs } from '../jobs/view-inputs'
import type { LayerArithmetic } from '../plan/merge-plan'
import { emptyRowValues, type RowValues } from './contribution-file'
import { writeDifferences } from './layer-differences'

/** A model whose contribution to a layer is wanted. */
export interface ContributionOf {
  /** Its place in the plan. */
  model: number
  /** Gets the bytes from byte `at` of the layer's differences on. */
  write: (at: number, bytes: Uint8Array) => void
}

/** What a group of a layer is worked on with. */
export interface GroupTools {
  fusion: FusionLayer
  kernels: Kernels
}

/** The models that contributions of some depend on: these and the base, first. */
export function contributors(models: readonly number[]): number[] {
  return [0, ...models.filter((model) => model !== 0)]
}

/** The groups of a layer with the rows and biases of these models alone, by their places in the plan. */
export function groupsOfModels(
  { layer, views, biasViews }: Pick<LayerArithmetic, 'layer' | 'views' | 'biasViews'>,
  models: readonly number[],
  reader: TensorReader,
): TensorRows[] {
  const pick = <T>(all: readonly T[]): T[] => models.map((model) => all[model]!)
  const biases = readBiases({ biasViews: biasViews && pick(biasViews) }, reader)
  return groupsOf(layer, viewInputs(pick(views), reader), biases)
}

/**
 * Writes what models contribute to a layer, one group after the other.
 * @param groups with the rows of the `contributors` of these models
 * @param prepared what is known of every group already
 * @returns what belongs to the rows of each model
 */
export async function writeContributions(
  groups: readonly TensorRows[],
  models: readonly ContributionOf[],
  toolsOf: (group: TensorRows, index: number) => GroupTools,
  { normaliser, prepared }: { normaliser: Normaliser; prepared: readonly SumSettings[] | null },
  yieldOrCancel: YieldOrCancel,
): Promise<RowValues[]> {
  const taking = contributors(models.map(({ model }) => model))
  const { rows, inputs } = groups[0]!
  const values = models.map(() => emptyRowValues(rows * groups.length))
  for (const [index, group] of groups.entries()) {
    const first = index * rows
    const start = first * inputs * BYTES_PER_ELEMENT.F16
    const known = prepared?.[index]
    await writeDifferences(
      { rows: group, ...toolsOf(group, index) },
      models.map(({ model, write }, place) => ({
        model: taking.indexOf(model),
        values: values[place]!,
        write: (at, bytes) => write(start + at, bytes),
      })),
      { normaliser, first, ...(known && { prepared: known }) },
      yieldOrCancel,
    )
  }
  return values
}
