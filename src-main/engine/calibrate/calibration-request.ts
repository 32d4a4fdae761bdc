import type { TimestepRange } from '../../contract/document/calibration'
import { FusionError } from '../../contract/errors'
import type { Checkpoint } from '../checkpoint/model/checkpoint'
import { openEvaluationData, vaeHashFor } from '../evaluate/data/evaluation-data'
import { chooseSplit, type ChosenDomain, type PictureList } from '../evaluate/data/splits'
import type { CalibratedCheckpoint } from './calibrate'
import { dataSource, promptSource, trainTimestepsOf } from './sources'

/** What a model shall run on while the inputs of its layers are gathered. */
export type CalibrationRequest =
  | ({
      kind: 'data'
      /** Of evaluation data. */
      folder: string
      /** Of the split, where the data have none of their own. */
      splitSeed: number
      /** At most so many; null: all. */
      pictures: number | null
    } & TimestepRange)
  | { kind: 'prompts'; prompts: string[] }

export interface RequestOptions {
  /** A whole pipeline that lends what the model lacks. */
  base: Checkpoint
  /** Of timesteps and noise. */
  seed: number
  cacheFolder?: string
  signal?: AbortSignal
}

/**
 * The training pictures that a model learns from: of the domain of its name, or of all domains where there is none.
 * @param most so many at most, evenly from the domains
 * @throws FusionError 'validation' where there are none
 */
export function picturesFor({ domains }: PictureList, name: string, most = Infinity): ChosenDomain[] {
  const own = domains.filter((domain) => domain.name === name)
  const training = chooseSplit({ domains: own.length > 0 ? own : domains }, 'train').slice(0, most)
  const each = Math.floor(most / training.length)
  return training.map((domain) => ({ ...domain, pictures: domain.pictures.slice(0, each) }))
}

/**
 * Builds the data source that a request names.
 * @throws FusionError 'validation' where there is nothing to run on; whatever opening the data throws
 */
export async function calibrated(
  name: string,
  checkpoint: Checkpoint,
  request: CalibrationRequest,
  { base, seed, cacheFolder, signal }: RequestOptions,
): Promise<CalibratedCheckpoint> {
  if (request.kind === 'prompts') {
    if (request.prompts.length === 0) throw noPrompts(name)
    return { name, checkpoint, ...promptSource(request.prompts, seed, signal) }
  }
  const data = await openEvaluationData(request.folder, request.splitSeed)
  const chosen = picturesFor(data, name, request.pictures ?? undefined)
  const encoding = {
    vaeHash: vaeHashFor(data, checkpoint, base),
    ...(cacheFolder !== undefined && { cacheFolder }),
    ...(signal && { signal }),
  }
  const options = {
    seed,
    trainTimesteps: trainTimestepsOf(checkpoint, base),
    range: request,
    ...(signal && { signal }),
  }
  return {
    name,
    checkpoint,
    ...dataSource(chosen, options, (pipeline) => data.load(chosen, pipeline, encoding)),
  }
}

/** Why a model that shall make pictures cannot. */
export function noPrompts(name: string): FusionError {
  return new FusionError('validation', `There are no prompts for ${name}.`, { hint: 'Write some, one per line.' })
}
