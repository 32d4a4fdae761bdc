import { BYTES_PER_ELEMENT, elementCount } from '../../tensor/element-type'
import { mergesBlocks, type MergeMethod } from '../methods/method'
import type { LayerTask, MergePlan, TensorTask } from './merge-plan'

/**
 * What a task costs: floating-point operations of matrix products, bytes read and written, and entries of models that a
 * method looks at one by one.
 */
export interface Cost {
  flops: number
  bytes: number
  entries: number
}

/**
 * Cost of a task (method.md, 'Cost'): two products of n · N·n · d multiply-adds for a layer (with a threshold the
 * second is mostly left out, which nobody knows before), the products and the solve of a regression, or what a matrix
 * method says; and the bytes of every model and of the output.
 * @param method of the plan
 */
export function taskCost(task: TensorTask | LayerTask, method: MergeMethod): Cost {
  const { views } = task
  const elements = elementCount(views[0]!.shape)
  const read = views.reduce((sum, { stored }) => sum + elements * BYTES_PER_ELEMENT[stored.elementType], 0)
  const bytes = read + elements * BYTES_PER_ELEMENT[task.destination.elementType]
  if (task.kind === 'tensor')
    return { flops: 0, bytes, entries: views.length > 1 && mergesBlocks(task.method) ? elements * views.length : 0 }
  const { shape, kind } = task.layer
  const rows = shape[kind.transposedConvolution ? 1 : 0]! / kind.groups
  if (method.kind === 'matrix') {
    const size = { rows, columns: elements / (rows * kind.groups), specialists: views.length - 1 }
    return { flops: kind.groups * method.cost(size).flops, bytes, entries: 0 }
  }
  if (task.columns === null) return { flops: 4 * rows * elements * views.length, bytes, entries: 0 }
  const inputs = elements / (rows * kind.groups)
  const size = Math.min(task.columns, inputs)
  return {
    flops: 4 * elements * task.columns + size * inputs * task.columns + 2 * (rows * kind.groups + size) * size ** 2,
    bytes,
    entries: 0,
  }
}

/** Part of the coordinates that is multiplied to tell base rows apart, about (base-pairs.ts). */
const LEADING_SHARE = 0.3
/** Rows that every row is multiplied by to find its own products, about (fusion-blocks.ts). */
const STACKED_ROWS = 100
/** What reading rows a second time costs beside reading and writing them once: they come from the system's memory. */
const SECOND_READING = 0.3

/**
 * Cost of a layer that is merged by correlations with a screen (ADR 13): base rows are told apart once, rows are read
 * twice, and products are left out of models that stayed near.
 * @param near per model, base first
 */
function screenedCost(task: LayerTask, method: MergeMethod, near: readonly boolean[]): Cost {
  const { flops, bytes, entries } = taskCost(task, method)
  const { shape, kind } = task.layer
  const elements = elementCount(shape)
  const rows = shape[kind.transposedConvolution ? 1 : 0]! / kind.groups
  const far = near.filter((is) => !is).length
  const looking = elements * (LEADING_SHARE * rows + 2 * STACKED_ROWS)
  return { flops: (flops * far) / near.length + looking, bytes: (1 + SECOND_READING) * bytes, entries }
}

/**
 * What a task probably costs.
 * @param near the models whose products are left out by a screen, base first; null without a screen
 */
export function expectedCost(task: TensorTask | LayerTask, method: MergeMethod, near: readonly boolean[] | null): Cost {
  return near && task.kind === 'layer' ? screenedCost(task, method, near) : taskCost(task, method)
}

/**
 * Cost of a whole plan.
 * @param near as of expectedCost
 */
export function planCost(plan: MergePlan, near: readonly boolean[] | null): Cost {
  const costs = plan.tasks.map((task) => expectedCost(task, plan.method, near))
  return {
    flops: costs.reduce((sum, cost) => sum + cost.flops, 0),
    bytes: costs.reduce((sum, cost) => sum + cost.bytes, 0),
    entries: costs.reduce((sum, cost) => sum + cost.entries, 0),
  }
}

/** Operations and bytes per second to weigh a plan's parts by when nothing has been measured. */
const ASSUMED_FLOPS = 1e11
const ASSUMED_BYTES = 1e9

/** A task's share of the work, in assumed seconds: for progress. */
export function assumedSeconds({ flops, bytes }: Pick<Cost, 'flops' | 'bytes'>): number {
  return flops / ASSUMED_FLOPS + bytes / ASSUMED_BYTES
}
