import { moduleOf } from '../../checkpoint/model/module-name'
import { FusionError } from '../../../contract/errors'
import { calibratedModel, denoiserFiles, recordedAs } from './calibration/calibrated-models'
import { CALIBRATE_HINT, type Calibration, type RecordedTensors } from './calibration/calibration-file'
import type { StoredTensor } from '../../checkpoint/containers/container'
import type { TensorReader } from '../../checkpoint/containers/tensor-reader'
import { decodeFloats } from '../../tensor/convert'
import { Kernels } from '../../tensor/kernels'
import type { InputColumns } from '../regression/column-system'
import type { MergeMethod } from '../methods/method'
import type { LayerTask, MergePlan } from './merge-plan'
import type { FeatureSamples } from '../fusion/statistics'
import { isDenoiser } from '../../../contract/values/denoisers'

/**
 * Whether a method cannot do without calibration data of an enabled model: samples of fusion and ZipIt! are the base's; the base of a
 * regression draws the mean only where it has none.
 * @param index its place in the project; 0 is the base
 */
export function needsColumns({ kind }: Pick<MergeMethod, 'kind'>, index: number): boolean {
  return kind === 'fusion' || kind === 'linear' ? index === 0 : index > 0
}

interface Layer extends Pick<LayerTask, 'component'> {
  layer: Pick<LayerTask['layer'], 'weight'>
}

/** The columns and runs of a calibration file by the models of a plan. */
export class PlanColumns {
  /** @param places of the plan's models in the file's record; −1 for one that it does not know */
  constructor(
    private readonly calibration: Calibration,
    private readonly places: readonly number[],
  ) {}

  /**
   * Finds a plan's models in its calibration by their hashes.
   * @param hashes sha256 by path
   * @returns null where the method takes no columns
   * @throws FusionError 'incompatible' where the file is of other models
   */
  static find(
    plan: Pick<MergePlan, 'calibration' | 'models' | 'method'>,
    hashes: ReadonlyMap<string, string>,
  ): PlanColumns | null {
    const { calibration, models, method } = plan
    if (!calibration) return null
    const { record, file } = calibration
    const places = models.map(({ checkpoint }) =>
      calibratedModel(
        record,
        recordedAs(
          checkpoint,
          denoiserFiles(checkpoint).map((path) => hashes.get(path)!),
        ),
      ),
    )
    const missing = models.filter(
      ({ entry }, index) => needsColumns(method, index) && (index === 0 || entry.enabled) && places[index] === -1,
    )
    if (missing.length === 0) return new PlanColumns(calibration, places)
    throw new FusionError(
      'incompatible',
      `${file.path} has no inputs of ${missing.map(({ entry }) => entry.name).join(', ')}.`,
      {
        detail: `It is of ${record.models.map(({ name, sha256 }) => `${name} (${sha256.join(', ')})`).join('; ')}.`,
        hint: `It was made with other models, or a model has changed since. ${CALIBRATE_HINT}`,
      },
    )
  }

  /**
   * What the network of every model ran on; none for models that the file does not know.
   * @throws FusionError 'incompatible' where an earlier version wrote the file, without runs
   */
  runs(): (readonly RecordedTensors[])[] {
    const { runs, file } = this.calibration
    if (runs.some((own) => own.length > 0)) return this.places.map((place) => runs[place] ?? [])
    throw new FusionError(
      'incompatible',
      `${file.path} does not say what the models ran on: an earlier version wrote it.`,
      {
        hint: CALIBRATE_HINT,
      },
    )
  }

  /** What a forecast assumes before any file is hashed: that the models are those of the same names. */
  static assume({ calibration, models }: Pick<MergePlan, 'calibration' | 'models'>): PlanColumns | null {
    if (!calibration) return null
    const names = calibration.record.models.map(({ name }) => name)
    return new PlanColumns(
      calibration,
      models.map(({ entry }, index) => Math.max(names.indexOf(entry.name), index === 0 ? -1 : 0)),
    )
  }

  /**
   * The columns of a layer per model; none for layers outside the UNet and for models that the file does not know.
   * @throws FusionError 'incompatible' where they do not have the layer's length
   */
  ofLayer({ component, layer }: Layer, inputs: number, reader: TensorReader): InputColumns {
    const stored = isDenoiser(component) ? this.calibration.columns.get(moduleOf(layer.weight)) : undefined
    const tensors = this.places.map((place) => stored?.[place])
    const wrong = tensors.find((tensor) => tensor && tensor.shape[1] !== inputs)
    if (wrong)
      throw new FusionError(
        'incompatible',
        `${wrong.path} has inputs of ${wrong.shape[1]} values for ${layer.weight}, which takes ${inputs}.`,
        { hint: `The file belongs to models of another architecture. ${CALIBRATE_HINT}` },
      )
    return {
      counts: tensors.map((tensor) => tensor?.shape[0] ?? 0),
      scratchBytes: (model) => tensors[model]?.byteLength ?? 0,
      read(model, into, scratch, kernels) {
        const tensor = tensors[model]
        if (!tensor) return
        reader.read(tensor, 0, scratch.bytes(tensor.byteLength))
        if (decodeFloats(kernels, 'F16', scratch, into, tensor.shape[0]! * inputs)) return
        throw notFinite(tensor)
      },
    }
  }

  /** The base's columns as the samples of calibrated statistics; null where a layer has none. */
  samplesOf(layer: Layer, inputs: number, reader: TensorReader): FeatureSamples | null {
    const columns = this.ofLayer(layer, inputs, reader)
    const count = columns.counts[0]!
    if (count === 0) return null
    const [bytes, elements] = [columns.scratchBytes(0), count * inputs]
    const kernels = new Kernels(Kernels.bufferSize(bytes) + Kernels.bufferSize(elements * 4))
    const [scratch, rows] = [kernels.allocate(bytes), kernels.allocate(elements * 4)]
    columns.read(0, rows, scratch, kernels)
    const values = new Float32Array(elements)
    const floats = rows.floats(elements)
    for (let column = 0; column < count; column++)
      for (let i = 0; i < inputs; i++) values[i * count + column] = floats[column * inputs + i]!
    return { values, count, centred: true }
  }
}

function notFinite({ path, name }: StoredTensor): FusionError {
  return new FusionError('not-finite', `${path} has NaN or infinity in ${name}.`, { hint: CALIBRATE_HINT })
}
