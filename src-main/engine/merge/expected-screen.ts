import { thresholdOf } from '../../contract/document/project'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import type { TensorView } from '../checkpoint/model/checkpoint'
import { Kernels } from '../tensor/kernels'
import { groupsOf } from './jobs/layer-inputs'
import { viewInputs } from './jobs/view-inputs'
import { layerTasksOf, sourcesOf, type LayerTask, type MergePlan } from './plan/merge-plan'
import type { Provider } from '../runtime/session'
import { triesOwnRows } from './layer-job'
import { isNear } from './fusion/screen'
import { LEAST, OWN_ROW } from './fusion/threshold'

/** How many layers are looked at, from the first to the last, and rows of each. */
const LAYERS = 5
const ROWS = 16

/** Models whose products a screen leaves out, base first; null where there is none. */
export function nearModels(plan: MergePlan, provider: Provider): boolean[] | null {
  if (!triesOwnRows(plan, provider)) return null
  const reader = new TensorReader(sourcesOf(plan))
  try {
    return expectedScreen(plan, layerTasksOf(plan), reader)
  } finally {
    reader.close()
  }
}

/**
 * Models whose products a merge of these layers leaves out nearly always (ADR 0013), base first: told from a few rows of a
 * few layers, as a forecast may. Tensors that no file holds as they are count as fine-tunes': adapters move rows little.
 */
function expectedScreen(
  { project, models }: Pick<MergePlan, 'project' | 'models'>,
  tasks: readonly LayerTask[],
  reader: TensorReader,
): boolean[] {
  const step = Math.max(1, Math.floor(tasks.length / LAYERS))
  const looked = tasks.filter((_, index) => index % step === 0)
  const medians = models.map((_, model) => median(looked.flatMap((task) => ownCorrelations(task, model, reader))))
  const threshold = thresholdOf(project.method)
  const isFamily = medians.every((correlation) => correlation >= OWN_ROW)
  const reached = threshold === 'auto' ? (isFamily ? OWN_ROW : LEAST) : threshold
  return medians.map((correlation) => isNear(Math.acos(Math.min(1, reached)), correlation))
}

/** |P_i,own| of some rows of a model; none where nothing is stored of it as it is. */
function ownCorrelations({ layer, views }: LayerTask, model: number, reader: TensorReader): number[] {
  const pair = [views[0]!, views[model]!]
  if (pair.some(isComputed)) return []
  const [rows] = groupsOf(layer, viewInputs(pair, reader), null)
  const count = Math.min(ROWS, rows!.rows)
  const size = count * rows!.inputs * 4
  const kernels = new Kernels(3 * Kernels.bufferSize(size) + Kernels.bufferSize(rows!.scratchBytes(count)))
  const [base, other] = [kernels.allocate(size), kernels.allocate(size)]
  const scratch = kernels.allocate(rows!.scratchBytes(count))
  rows!.read(0, 0, count, base, scratch, kernels)
  rows!.read(1, 0, count, other, scratch, kernels)
  return Array.from({ length: count }, (_, row) => {
    const [a, b] = [base, other].map(({ pointer }) => pointer + row * rows!.inputs * 4) as [number, number]
    const dot = (x: number, y: number): number => kernels.run.dot(x, y, rows!.inputs)
    const lengths = Math.sqrt(dot(a, a) * dot(b, b))
    return lengths > 0 ? Math.abs(dot(a, b)) / lengths : 1
  })
}

function isComputed({ stored }: TensorView): boolean {
  return [stored.computed, stored.merged, stored.scaled, stored.widened].some((way) => way !== undefined)
}

function median(values: number[]): number {
  return values.length === 0 ? 1 : values.sort((a, b) => a - b)[values.length >> 1]!
}
