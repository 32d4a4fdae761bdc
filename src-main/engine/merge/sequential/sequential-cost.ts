import { moduleOf } from '../../checkpoint/model/module-name'
import { TOKEN_LIMIT } from '../../tokenizer/tokenizer'
import type { InputColumns } from '../regression/column-system'
import { PLAIN_LAYER, TensorRows } from '../fusion/layer-rows'
import { viewInputs } from '../jobs/view-inputs'
import type { TensorReader } from '../../checkpoint/containers/tensor-reader'
import { elementCount } from '../../tensor/element-type'
import type { SequentialMethod } from '../methods/method'
import type { LayerTask, MergePlan } from '../plan/merge-plan'
import { RegressionLayer } from '../regression/regression-layer'
import { MOST_IN_MEMORY } from './run-states'

/** What fitting a merge's layers takes beside what each of them is solved with, before it starts. */
export interface SequentialCost {
  /** Floating-point operations of the networks' runs. */
  flops: number
  memoryBytes: number
  /** Of values between sections, at most, that do not fit into memory. */
  temporaryBytes: number
}

/** Layers whose output the up path takes again. */
const SKIPPED = /^conv_in$|^down_blocks\.\d+\.(?:resnets\.\d+\.conv2|downsamplers\.0\.conv)$/

/**
 * Forecasts a sequential fit from shapes alone. What attention itself computes is left out: less than a fifth for
 * pictures of the models' own size.
 */
export function sequentialCost(plan: MergePlan & { method: SequentialMethod }, reader: TensorReader): SequentialCost {
  const layers = plan.tasks.filter((task): task is LayerTask => task.kind === 'layer')
  const recorded = plan.calibration!.runs.flat().find((tensors) => tensors['sample'])
  const [, , height = 0, width = 0] = recorded?.['sample']?.shape ?? []
  const models = plan.models.filter((_, model) => layers.some(({ weights }) => weights[model] !== 0)).length
  const { fitRuns, fitColumns } = plan.project.method
  const networks = plan.method.features === 'own' ? 2 : 1
  const runs = fitRuns * models * networks
  const depth = 1 + Math.max(0, ...layers.map(({ name }) => Number(/^down_blocks\.(\d+)\./.exec(name)?.[1] ?? 0)))
  let flops = 0
  let waiting = 0
  let largest = 0
  let memoryBytes = 0
  for (const { name, layer, views, weights } of layers) {
    const module = moduleOf(name)
    const positions = positionsOf(module, height * width, depth)
    const [outputs] = layer.shape as [number]
    flops += 2 * elementCount(layer.shape) * positions * runs
    const values = outputs * positions * 4
    if (SKIPPED.test(module)) waiting += values
    largest = Math.max(largest, values) // stands for all values of the layer that runs
    const rows = new TensorRows(viewInputs(views, reader), layer.shape, PLAIN_LAYER, 0, null)
    const columns = assumedColumns(weights, fitColumns)
    const total = columns.counts.reduce((sum, count) => sum + count, 0)
    const solving = RegressionLayer.memory(rows, columns, weights, networks === 2 ? columns : null)
    const size = Math.min(total, rows.inputs + 1)
    memoryBytes = Math.max(memoryBytes, solving + networks * total * rows.inputs * 4 + size ** 2 * 4)
  }
  const values = runs * (waiting + largest)
  return {
    flops,
    memoryBytes: memoryBytes + Math.min(values, MOST_IN_MEMORY),
    temporaryBytes: Math.max(0, values - MOST_IN_MEMORY),
  }
}

/** How often a layer of a UNet runs on one picture, from its name. */
function positionsOf(module: string, latents: number, depth: number): number {
  if (/(?:^|\.)(?:time|add)_emb/.test(module)) return 1
  if (/\.attn2\.to_[kv]$/.test(module)) return TOKEN_LIMIT
  const [, down, up] = /^(?:down_blocks\.(\d+)|up_blocks\.(\d+))\./.exec(module) ?? []
  const isSampler = /(?:down|up)samplers/.test(module)
  if (down !== undefined) return latents / 4 ** (Number(down) + (isSampler ? 1 : 0))
  if (up !== undefined) return latents / 4 ** Math.max(0, depth - 1 - Number(up) - (isSampler ? 1 : 0))
  return module.startsWith('mid_block') ? latents / 4 ** (depth - 1) : latents
}

function assumedColumns(weights: readonly number[], count: number): InputColumns {
  return {
    counts: weights.map((weight) => (weight === 0 ? 0 : count)),
    scratchBytes: () => 0,
    read: () => {},
  }
}
