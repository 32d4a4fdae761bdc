import { GraphBuilder } from '../graph/onnx-builder'
import { createSession, type Provider } from '../runtime/session'
import type { ContributionForecast } from './contributions/contributions'
import { nearModels } from './expected-screen'
import { planCost } from './plan/cost'
import { encodeHeader } from '../checkpoint/containers/safetensors-write'
import type { MergePlan } from './plan/merge-plan'
import { PlanColumns } from './plan/plan-columns'
import { layerPeak, SHARED_BYTES } from './run-layer'
import { isSequential } from './sequential/ensure-fitted'
import { sequentialCost } from './sequential/sequential-cost'
import { TensorReader } from '../checkpoint/containers/tensor-reader'

/** What a merge will cost, before it starts. */
export interface Forecast {
  /** Floating-point operations of matrix products. */
  flops: number
  /** Bytes that are read and written. */
  bytes: number
  /** Size of the output. */
  outputBytes: number
  /** Memory beyond the program's own, at most. */
  memoryBytes: number
  /** Disk that is taken while the merge is made, at most. */
  temporaryBytes: number
  seconds: number
}

/** Reading, summing and writing, per second and thread; flushing included. Measured by tests/bench/averages/soup.ts. */
const BYTES_PER_SECOND = 4e8
/** Entries of models that TIES and DARE look at, all passes included. Measured by tests/bench/averages/selected-changes.ts. */
const ENTRIES_PER_SECOND = 8e7
/** The tile's products, P's relatives and the runtime's packing beside the buffers. */
const TILE_BYTES = 150e6
/** Buffers of threads that merge tensors block by block. */
const BUFFER_BYTES = 20e6
/** What of the blocks that were read and written is not freed yet, at most. Measured by soup.ts and selected-changes.ts. */
const UNFREED_BYTES = 280e6
const PROBE_SIZE = 768

/**
 * Forecasts a plan; times a small matrix product on the provider (a few hundredths of a second), and looks at a few rows
 * of the models, since how far they are from the base decides how many products a merge by correlations takes.
 * @param contributions what `forecastContributions` says: those that are there need no products any more
 */
export async function forecast(
  plan: MergePlan,
  provider: Provider,
  contributions?: ContributionForecast,
): Promise<Forecast> {
  const { entries, ...cost } = planCost(plan, nearModels(plan, provider))
  if (contributions && contributions.bytes > 0) {
    const missing = contributions.missingBytes / contributions.bytes
    cost.flops *= missing
    cost.bytes *= 1 + missing
  }
  const reader = new TensorReader()
  const columns = PlanColumns.assume(plan)
  const fit = isSequential(plan) ? sequentialCost(plan, reader) : null
  const layers = fit
    ? [fit.memoryBytes]
    : plan.tasks.flatMap((task) =>
        task.kind === 'layer' ? [layerPeak(task, reader, plan.project.method, columns)] : [],
      )
  cost.flops += fit?.flops ?? 0
  const output = plan.output.files.reduce(
    (sum, file) => sum + file.dataBytes + encodeHeader(file.tensors, {}).byteLength,
    0,
  )
  const perSecond = cost.flops > 0 ? await productsPerSecond(provider) : Infinity
  return {
    ...cost,
    outputBytes: output,
    temporaryBytes: fit?.temporaryBytes ?? 0,
    memoryBytes:
      layers.length > 0
        ? Math.max(...layers, plan.method.kind === 'matrix' ? togetherBytes(layers) : 0) + TILE_BYTES
        : BUFFER_BYTES + Math.min(UNFREED_BYTES, cost.bytes),
    seconds: cost.flops / perSecond + cost.bytes / BYTES_PER_SECOND + entries / ENTRIES_PER_SECOND,
  }
}

/** Of layers that are merged several at a time, at most. */
function togetherBytes(layers: readonly number[]): number {
  return Math.min(
    SHARED_BYTES,
    layers.reduce((sum, bytes) => sum + bytes, 0),
  )
}

async function productsPerSecond(provider: Provider): Promise<number> {
  const graph = new GraphBuilder('probe')
  const dims = [PROBE_SIZE, PROBE_SIZE]
  const matrix = graph.input('matrix', 'F32', dims)
  graph.output('product', graph.node('MatMul', [matrix, matrix]), 'F32', dims)
  const session = await createSession(graph.toBytes(), { provider })
  try {
    const feed = { matrix: { data: new Float32Array(PROBE_SIZE ** 2).fill(0.5), dims } }
    await session.run(feed)
    const started = performance.now()
    await session.run(feed)
    return (2 * PROBE_SIZE ** 3) / ((performance.now() - started) / 1000)
  } finally {
    await session.release()
  }
}
