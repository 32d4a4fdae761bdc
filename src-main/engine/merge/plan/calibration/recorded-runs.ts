import { FusionError } from '../../../../contract/errors'
import type { StoredTensor } from '../../../checkpoint/containers/container'
import type { TensorReader } from '../../../checkpoint/containers/tensor-reader'
import type { Tensor } from '../../../runtime/session'
import { elementCount } from '../../../tensor/element-type'
import { CALIBRATE_HINT, type RecordedTensors } from './calibration-file'

/** Inputs of a network that every run has for itself; all others are shared by runs. */
export const OWN_INPUTS: readonly string[] = ['sample', 'timestep']
/** Says for each run which of the shared inputs are its own. */
export const CONDITION = 'condition'

/** (√5 − 1) / 2: the fractional parts of its multiples lie evenly between 0 and 1, and never come in a period. */
const GOLDEN_PART = (Math.sqrt(5) - 1) / 2

/** Runs that go through a network together. */
export interface RunBatch {
  /** How many. */
  count: number
  /** The network's inputs for them. */
  read(reader: TensorReader): Record<string, Tensor>
}

/** Runs of one shape that were recorded. */
interface ShapeOfRuns {
  tensors: RecordedTensors
  count: number
}

/**
 * Some of the runs that a calibration file has of a model, evenly from all of them, in batches.
 * @param recorded of the model
 * @param most so many runs at most
 * @param batchElements of a batch's `sample`, about
 * @throws FusionError 'malformed' where what was recorded does not fit together
 */
export function runBatches(recorded: readonly RecordedTensors[], most: number, batchElements: number): RunBatch[] {
  const shapes = recorded.map(shapeOf)
  const total = shapes.reduce((sum, { count }) => sum + count, 0)
  const places = evenPlaces(total, Math.min(most, total))
  let first = 0
  return shapes.flatMap(({ tensors, count }) => {
    const chosen = places.map((place) => place - first).filter((run) => run >= 0 && run < count)
    first += count
    const together = Math.max(1, Math.floor(batchElements / elementCount(tensors['sample']!.shape.slice(1))))
    const batches = Math.ceil(chosen.length / together)
    return Array.from({ length: batches }, (_, index) =>
      batchOf(tensors, chosen.slice(index * together, (index + 1) * together)),
    )
  })
}

/**
 * `taken` of `total` places in order, one in each of so many equal stretches. Recorded runs come in periods (every prompt
 * at one timestep after the other, or every timestep of one picture after the other), so that places at equal distances
 * may all be of the same prompts, or of the same timesteps: these follow no period.
 */
export function evenPlaces(total: number, taken: number): number[] {
  return Array.from({ length: taken }, (_, stretch) => {
    const start = Math.floor((stretch * total) / taken)
    const end = Math.floor(((stretch + 1) * total) / taken)
    return start + Math.floor(((stretch * GOLDEN_PART) % 1) * (end - start))
  })
}

function shapeOf(tensors: RecordedTensors): ShapeOfRuns {
  const own = [...OWN_INPUTS, CONDITION].map((name) => tensors[name])
  const count = own[0]?.shape[0] ?? 0
  if (count > 0 && own.every((tensor) => tensor?.shape[0] === count)) return { tensors, count }
  const path = Object.values(tensors)[0]?.path ?? 'The calibration file'
  throw new FusionError('malformed', `${path} has runs whose inputs do not fit together.`, { hint: CALIBRATE_HINT })
}

function batchOf(tensors: RecordedTensors, runs: readonly number[]): RunBatch {
  return {
    count: runs.length,
    read(reader) {
      const condition = rowsOf(tensors[CONDITION]!, runs, reader).data as Float32Array
      return Object.fromEntries(
        Object.entries(tensors).flatMap(([name, tensor]): [string, Tensor][] => {
          if (name === CONDITION) return []
          return [[name, rowsOf(tensor, OWN_INPUTS.includes(name) ? runs : condition, reader)]]
        }),
      )
    },
  }
}

/** @throws FusionError 'malformed' for a place that is not there */
function rowsOf(tensor: StoredTensor, places: ArrayLike<number>, reader: TensorReader): Tensor {
  const [count, ...dims] = tensor.shape
  const length = elementCount(dims)
  const data = new Float32Array(places.length * length)
  for (let index = 0; index < places.length; index++) {
    const place = places[index]!
    if (!Number.isInteger(place) || place < 0 || place >= count!)
      throw new FusionError('malformed', `${tensor.path} has no ${tensor.name} number ${place}.`, {
        hint: CALIBRATE_HINT,
      })
    reader.read(tensor, place * length, new Uint8Array(data.buffer, index * length * 4, length * 4))
  }
  if (data.every(Number.isFinite)) return { data, dims: [places.length, ...dims] }
  throw new FusionError('not-finite', `${tensor.path} has NaN or infinity in ${tensor.name}.`, { hint: CALIBRATE_HINT })
}
