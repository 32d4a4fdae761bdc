import { createHash } from 'node:crypto'
import type { LayerInput } from '../../architecture/network-graph'
import { positionsOf } from '../../layer-inputs/layer-positions'
import { Reservoir } from '../../layer-inputs/reservoir'
import type { Tensor } from '../../runtime/session'
import type { InputColumns } from '../regression/column-system'

/** Inputs of one layer in one network, picked batch by batch from the runs of every model. */
export class PickedColumns {
  private readonly rows: Float32Array[]
  private readonly counts: number[]
  private readonly length: number

  /**
   * @param input of the layer
   * @param inputs d
   * @param biased whether a last input is always 1
   * @param most columns of each model; 0: none are picked
   */
  constructor(
    private readonly input: LayerInput,
    private readonly inputs: number,
    biased: boolean,
    private readonly most: readonly number[],
  ) {
    this.length = inputs + (biased ? 1 : 0)
    this.rows = most.map(() => new Float32Array(0))
    this.counts = most.map(() => 0)
  }

  /**
   * Adds some of the columns of a batch.
   * @param part of the model's runs that the batch is: from where to where, of 1
   * @param tensor what the layer gets
   */
  add(model: number, part: readonly [number, number], tensor: Tensor): void {
    const { input, inputs, length, most } = this
    const [start, end] = part.map((at) => Math.round(at * most[model]!)) as [number, number]
    if (end === start) return
    if (this.rows[model]!.length === 0) this.rows[model] = new Float32Array(most[model]! * length)
    const rows = this.rows[model]!
    const first = this.counts[model]!
    const positions = positionsOf(input, tensor)
    // The same positions whichever network it is: what one sees is compared with what another sees.
    new Reservoir(end - start, seedOf(input.module, model, start)).pass(positions.count, (position, place) => {
      const at = (first + place) * length
      positions.copy(position, rows.subarray(at, at + inputs))
      if (length > inputs) rows[at + inputs] = 1
    })
    this.counts[model] = first + Math.min(end - start, positions.count)
  }

  /** As a regression takes them. */
  columns(): InputColumns {
    const { counts, rows, length } = this
    return {
      counts,
      scratchBytes: () => 0,
      read: (model, into) => {
        const size = counts[model]! * length
        into.floats(size).set(rows[model]!.subarray(0, size))
      },
    }
  }
}

function seedOf(module: string, model: number, start: number): bigint {
  return createHash('sha256').update(`${module}\n${model}\n${start}`).digest().readBigUInt64LE(0)
}
