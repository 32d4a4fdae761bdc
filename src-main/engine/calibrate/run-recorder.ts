import { createHash } from 'node:crypto'
import type { Tensor } from '../runtime/session'
import { elementCount } from '../tensor/element-type'
import { CONDITION, OWN_INPUTS } from '../merge/plan/calibration/recorded-runs'
import { Reservoir } from '../layer-inputs/reservoir'
import { groupBy } from '../../contract/values/group-by'

/** Runs that are kept of a model, from all of its runs alike. */
const MOST_RECORDED = 1000

/** One run: a row of each of the network's inputs. */
type RecordedRun = Readonly<Record<string, Tensor>>

/** Keeps what a network runs on, for merges that run themselves on the same (recorded-runs.ts). */
export class RunRecorder {
  private readonly reservoir: Reservoir
  private readonly runs: { item: number; run: RecordedRun }[] = []
  private seen = 0

  /** @param seed chooses among runs that are more than are kept */
  constructor(seed: bigint, most = MOST_RECORDED) {
    this.reservoir = new Reservoir(most, seed)
  }

  /** @param inputs float32, each with the batch as its first axis */
  add(inputs: Readonly<Record<string, Tensor>>): void {
    const batch = inputs['timestep']!.dims[0]!
    this.reservoir.pass(batch, (item, place) => {
      const run = Object.entries(inputs).map(([name, tensor]): [string, Tensor] => [name, rowOf(tensor, item)])
      this.runs[place] = { item: this.seen + item, run: Object.fromEntries(run) }
    })
    this.seen += batch
  }

  /** The runs by the shapes of their inputs, as calibration files hold them. */
  recorded(): Record<string, Tensor>[] {
    const inOrder = this.runs.toSorted((a, b) => a.item - b.item).map(({ run }) => run)
    const shapes = groupBy(inOrder, (run) =>
      JSON.stringify(Object.entries(run).map(([name, { dims }]) => [name, dims])),
    )
    return [...shapes.values()].map(together)
  }
}

/** Runs of one shape: own inputs one after the other, shared ones once each with the place of each run's. */
function together(runs: readonly RecordedRun[]): Record<string, Tensor> {
  const shared = Object.keys(runs[0]!).filter((name) => !OWN_INPUTS.includes(name))
  const places = new Map<string, number>()
  const different: RecordedRun[] = []
  const conditions = runs.map((run) => {
    const hash = createHash('sha256')
    for (const name of shared) hash.update(run[name]!.data as Float32Array)
    const key = hash.digest('hex')
    if (!places.has(key)) places.set(key, different.push(run) - 1)
    return places.get(key)!
  })
  return {
    ...Object.fromEntries(OWN_INPUTS.map((name) => [name, stacked(runs, name)])),
    [CONDITION]: { data: Float32Array.from(conditions), dims: [runs.length] },
    ...Object.fromEntries(shared.map((name) => [name, stacked(different, name)])),
  }
}

function stacked(runs: readonly RecordedRun[], name: string): Tensor {
  const { dims } = runs[0]![name]!
  const length = elementCount(dims)
  const data = new Float32Array(runs.length * length)
  runs.forEach((run, index) => data.set(run[name]!.data as Float32Array, index * length))
  return { data, dims: [runs.length, ...dims] }
}

function rowOf({ data, dims }: Tensor, index: number): Tensor {
  const row = dims.slice(1)
  const length = elementCount(row)
  return { data: (data as Float32Array).slice(index * length, (index + 1) * length), dims: row }
}
