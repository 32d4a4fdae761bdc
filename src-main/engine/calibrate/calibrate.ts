import type { CalibrationRecord, CalibrationSource } from '../../contract/document/calibration'
import { FusionError } from '../../contract/errors'
import type { Checkpoint } from '../checkpoint/model/checkpoint'
import { checkTargetOutsideSources } from '../files/writing/target'
import { hashFile } from '../checkpoint/hash'
import { isMergeable } from '../checkpoint/mergeable'
import { loadPipeline, type LoadOptions } from '../diffusion/load-pipeline'
import type { Pipeline } from '../diffusion/pipeline'
import { throwIfCancelled } from '../cancel'
import { denoiserFiles, recordedAs } from '../merge/plan/calibration/calibrated-models'
import { CalibrationWriter } from '../merge/plan/calibration/calibration-file'
import { gatherColumns, layerGroups, passBytes } from './gather'
import { RunRecorder } from './run-recorder'
import type { CalibratedLayer } from '../merge/plan/calibration/calibration-file'
import { denoiserName, denoiserOf } from '../checkpoint/denoisers'

/** A model whose layers' inputs are gathered. */
export interface CalibratedCheckpoint {
  name: string
  checkpoint: Checkpoint
  /** What it runs on, for the record. */
  source: CalibrationSource
  /** How often `run` runs its network, about. */
  runs: number
  /** Makes its UNet run on that: the same every time, since every group of layers takes a pass. */
  run(pipeline: Pipeline, onProgress: (fraction: number) => void): Promise<void>
}

export interface CalibrateOptions extends Pick<LoadOptions, 'device' | 'threads' | 'clipVocabulary'> {
  /** The file to write. */
  path: string
  /** Whether a calibration file at `path` may be replaced that this version cannot read, or an empty file. */
  overwrite?: boolean
  /** A whole pipeline that lends what the models lack. */
  base: Checkpoint
  /** S, columns per layer and model. */
  samples: number
  seed: number
  /** Where hashes are remembered. */
  cacheFolder?: string
  signal?: AbortSignal
  /** Called with the fraction that is done, 0 … 1, never falling. */
  onProgress?: (fraction: number) => void
}

/** The layers of a checkpoint's UNet whose inputs can be gathered: all that have a matrix of weights. */
export function calibratedLayers(checkpoint: Checkpoint): CalibratedLayer[] {
  const { path } = checkpoint
  const denoiser = denoiserOf(checkpoint)
  if (!denoiser) throw new FusionError('incompatible', `${path} has no ${denoiserName(checkpoint)}.`)
  return [...denoiser.tensors.values()].flatMap((view): CalibratedLayer[] => {
    const { name, shape } = view
    if (!name.endsWith('.weight') || shape.length < 2 || !isMergeable(view)) return []
    const inputs = shape.slice(1).reduce((product, size) => product * size, 1)
    return [{ module: name.slice(0, -'.weight'.length), inputs }]
  })
}

/**
 * Gathers the real inputs of every layer of every model's UNet and writes them as a calibration file (method.md,
 * 'Statistics' and 'Feature regression'), with what the UNets ran on. The same models, sources, samples and seed give the same columns.
 * @throws FusionError 'cancelled', 'target', 'incompatible', and whatever loading and running a model throws; whichever
 * it is, nothing stands at the final name that was not there before
 */
export async function calibrate(
  models: readonly CalibratedCheckpoint[],
  options: CalibrateOptions,
): Promise<CalibrationRecord> {
  const { path, base, samples, seed, overwrite = false, signal, onProgress } = options
  const files = [base, ...models.map(({ checkpoint }) => checkpoint)].flatMap((checkpoint) => [
    checkpoint.path,
    ...checkpoint.files.map((file) => file.path),
  ])
  await checkTargetOutsideSources(path, files)
  const record = await recordOf(models, options)
  const layersOf = models.map(({ checkpoint }) => calibratedLayers(checkpoint))
  const writer = await CalibrationWriter.create(path, layersOf.flat(), record, overwrite)
  try {
    const groupBytes = passBytes()
    const passes = models.flatMap((_, model) =>
      layerGroups(layersOf[model]!, samples, groupBytes).map((group) => ({ model, group })),
    )
    const all = passes.reduce((sum, { model }) => sum + models[model]!.runs, 0)
    let before = 0
    let recorded = -1
    for (const { model, group } of passes) {
      throwIfCancelled(signal)
      const { checkpoint, run, runs } = models[model]!
      const pipeline = await loadPipeline(checkpoint, { ...loadOptions(options), layerInputs: namesOf(group) })
      // All passes of a model run on the same.
      const recorder = recorded === model ? null : new RunRecorder(BigInt(seed))
      recorded = model
      try {
        const columns = await gatherColumns(
          pipeline,
          group,
          { samples, seed, key: String(model) },
          () => run(pipeline, (fraction) => onProgress?.((before + fraction * runs) / all)),
          (inputs) => recorder?.add(inputs),
        )
        for (const layer of columns) writer.add(model, layer)
        recorder?.recorded().forEach((inputs, shape) => writer.addRuns(model, shape, inputs))
      } finally {
        await pipeline.release()
      }
      before += runs
      onProgress?.(before / all)
    }
    await writer.finish()
    return record
  } catch (error) {
    await writer.discard()
    throw error
  }
}

async function recordOf(
  models: readonly CalibratedCheckpoint[],
  { samples, seed, cacheFolder, signal }: CalibrateOptions,
): Promise<CalibrationRecord> {
  const options = { ...(cacheFolder !== undefined && { cacheFolder }), ...(signal && { signal }) }
  const entries: CalibrationRecord['models'] = []
  for (const { name, checkpoint, source } of models) {
    const sha256: string[] = []
    for (const file of denoiserFiles(checkpoint)) sha256.push(await hashFile(file, options))
    entries.push({ name, sha256: recordedAs(checkpoint, sha256), source })
  }
  return { format: 'featurefusion-calibration', version: 1, samples, seed, models: entries }
}

function loadOptions({ base, device, threads, clipVocabulary }: CalibrateOptions): LoadOptions {
  return {
    base,
    device,
    ...(threads !== undefined && { threads }),
    ...(clipVocabulary !== undefined && { clipVocabulary }),
  }
}

function namesOf(layers: readonly CalibratedLayer[]): string[] {
  return layers.map(({ module }) => module)
}
