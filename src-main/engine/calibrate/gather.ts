import type { CalibratedLayer, LayerColumns } from '../merge/plan/calibration/calibration-file'
import { createHash } from 'node:crypto'
import type { LayerInput } from '../architecture/network-graph'
import type { Pipeline } from '../diffusion/pipeline'
import { freeMemory } from '../runtime/memory'
import type { Tensor } from '../runtime/session'
import { FloatEncoder } from '../tensor/float-encoder'
import { positionsOf } from '../layer-inputs/layer-positions'
import { Reservoir } from '../layer-inputs/reservoir'

/** Bytes of columns that are gathered in one pass over the data, on any machine. */
const GROUP_BYTES = 256e6
/** All layers of Stable Diffusion's UNet with 1,024 columns each take 1.5 GB. */
const MOST_GROUP_BYTES = 8 * GROUP_BYTES
/** Part of the free memory: what the layers of a group hold while the network runs takes about as much again. */
const MEMORY_SHARE = 1 / 8
/** Columns per layer that count at least: what layers hold while the network runs takes memory as well. */
const LEAST_COUNTED = 1024
const LARGEST_HALF = 65504

/**
 * Bytes of columns that this machine has room for in one pass: fewer passes, the same columns. A power of two times the
 * least, so that forecast and work agree.
 */
export function passBytes(free = freeMemory()): number {
  let bytes = GROUP_BYTES
  while (2 * bytes <= Math.min(MOST_GROUP_BYTES, free * MEMORY_SHARE)) bytes *= 2
  return bytes
}

/** Layers in groups that fit into memory together, in order: each takes a pass over the data. */
export function layerGroups(
  layers: readonly CalibratedLayer[],
  samples: number,
  groupBytes = GROUP_BYTES,
): CalibratedLayer[][] {
  const groups: CalibratedLayer[][] = []
  let free = 0
  for (const layer of layers) {
    const bytes = layer.inputs * Math.max(samples, LEAST_COUNTED) * 2
    if (bytes > free) {
      groups.push([])
      free = Math.max(groupBytes, bytes)
    }
    groups.at(-1)!.push(layer)
    free -= bytes
  }
  return groups
}

/**
 * Gathers inputs of layers while a network runs: a seeded reservoir of `samples` columns per layer over all positions of
 * all runs.
 * @param pipeline loaded with these layers as `layerInputs`
 * @param key tells the seeds of models apart
 * @param run makes the pipeline's UNet run on everything that counts
 * @param onInputs sees what the UNet runs on
 */
export async function gatherColumns(
  pipeline: Pipeline,
  layers: readonly CalibratedLayer[],
  { samples, seed, key }: { samples: number; seed: number; key: string },
  run: () => Promise<void>,
  onInputs?: (inputs: Readonly<Record<string, Tensor>>) => void,
): Promise<LayerColumns[]> {
  const encoder = new FloatEncoder()
  const inputOf = new Map(pipeline.parts.layerInputs.map((input) => [input.module, input]))
  const gatherers = layers.map((layer) => ({
    output: inputOf.get(layer.module)!.output,
    gatherer: new LayerGatherer(layer, inputOf.get(layer.module)!, samples, seedOf(seed, key, layer.module), encoder),
  }))
  pipeline.parts.unet.observe((outputs, inputs) => {
    onInputs?.(inputs)
    for (const { output, gatherer } of gatherers) gatherer.add(outputs[output]!)
  })
  await run()
  return gatherers.map(({ gatherer }) => gatherer.columns())
}

class LayerGatherer {
  private readonly reservoir: Reservoir
  private readonly bytes: Uint8Array
  private readonly column: Float32Array

  constructor(
    private readonly layer: CalibratedLayer,
    private readonly input: LayerInput,
    samples: number,
    seed: bigint,
    private readonly encoder: FloatEncoder,
  ) {
    this.reservoir = new Reservoir(samples, seed)
    this.bytes = new Uint8Array(samples * layer.inputs * 2)
    this.column = new Float32Array(layer.inputs)
  }

  add(tensor: Tensor): void {
    const { reservoir, column, bytes, encoder } = this
    const positions = positionsOf(this.input, tensor)
    reservoir.pass(positions.count, (item, place) => {
      positions.copy(item, column)
      for (let i = 0; i < column.length; i++) column[i] = Math.min(LARGEST_HALF, Math.max(-LARGEST_HALF, column[i]!))
      encoder.encode(column, 'F16', (at, half) => bytes.set(half, place * column.length * 2 + at))
    })
  }

  columns(): LayerColumns {
    const { size } = this.reservoir
    return { ...this.layer, count: size, bytes: this.bytes.subarray(0, size * this.layer.inputs * 2) }
  }
}

/** The same for a seed, model and layer, whichever layers are gathered together. */
function seedOf(seed: number, key: string, module: string): bigint {
  return createHash('sha256').update(`${seed}\n${key}\n${module}`).digest().readBigUInt64LE(0)
}
