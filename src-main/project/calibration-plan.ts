import type {
  CalibrationFile,
  CalibrationPlan,
  CalibrationUse,
  PlannedCalibration,
} from '../contract/document/calibration'
import { FusionError, toErrorReport, type ErrorReport } from '../contract/errors'
import {
  needsCalibration,
  readingOf,
  takingPart,
  type ModelEntry,
  type Project,
  type Reading,
} from '../contract/document/project'
import { calibratedLayers } from '../engine/calibrate/calibrate'
import { calibratedModel, denoiserFiles, recordedAs } from '../engine/merge/plan/calibration/calibrated-models'
import { calibrationBytes, openCalibration, type Calibration } from '../engine/merge/plan/calibration/calibration-file'
import { layerGroups, passBytes } from '../engine/calibrate/gather'
import type { CalibratedLayer } from '../engine/merge/plan/calibration/calibration-file'
import { runsOf, spreadTimesteps, trainTimestepsOf } from '../engine/calibrate/sources'
import { noPrompts, picturesFor, type CalibrationRequest } from '../engine/calibrate/calibration-request'
import { denoiserOf } from '../engine/checkpoint/denoisers'
import type { Checkpoint } from '../engine/checkpoint/model/checkpoint'
import { cachedHash } from '../engine/checkpoint/hash'
import { openModel, openSpecialist } from '../engine/merge/open-model'
import { openEvaluationData, type EvaluationData } from '../engine/evaluate/data/evaluation-data'
import { promptsOf } from '../engine/evaluate/data/evaluation-set'
import { countPictures, type ChosenDomain } from '../engine/evaluate/data/splits'
import { methodNamed } from '../engine/merge/methods/index'
import { needsColumns } from '../engine/merge/plan/plan-columns'
import { evaluationFolder } from './evaluation-folder'

/** Captions that stand for prompts where nobody wrote any. */
const CAPTIONS = 12

/** What failed stays what it is until somebody needs it. */
type Attempt<T> = { value: T; problem: null } | { value: null; problem: ErrorReport }

/** What of a project's files may be read; whatever it refuses throws. */
export interface CalibrationAccess {
  checkPath: (path: string) => Promise<string>
  /** evaluationFolder with its checks. */
  dataFolder: (project: Project) => Promise<string>
}

const UNLIMITED: CalibrationAccess = {
  checkPath: (path) => Promise.resolve(path),
  dataFolder: async (project) => evaluationFolder(project),
}

/**
 * What the models of a project that take part would run on for a calibration, what that costs, and whether the file that
 * the project has still fits. Reads headers and text files alone.
 * @param cacheFolder where hashes are remembered
 */
export async function planCalibration(
  project: Project,
  cacheFolder: string,
  { checkPath, dataFolder }: CalibrationAccess = UNLIMITED,
): Promise<CalibrationPlan> {
  const entries = takingPart(project.models)
  const data = await attempt(async () => {
    return openEvaluationData(await dataFolder(project), project.evaluation.seed)
  })
  const opened = await openEntries(entries, readingOf(project), checkPath)
  const { samples } = project.calibration
  let bytes = 0
  const models = entries.map((entry, index) => {
    const { value: checkpoint, problem } = opened[index]!
    const layers = checkpoint && denoiserOf(checkpoint) ? calibratedLayers(checkpoint) : []
    const planned = plannedModel(project, entry, layers, data, timestepsOf(project, checkpoint, opened[0]!.value))
    if (planned.use !== 'none') bytes += calibrationBytes(layers, 1, samples)
    return { ...planned, problem: planned.use === 'none' ? null : (problem ?? planned.problem) }
  })
  const checkpoints = opened.map(({ value }) => value)
  return { models, bytes, file: await fileOf(project, entries, checkpoints, cacheFolder, checkPath) }
}

/** Models and adapters as what runs, each with what keeps it from that. */
async function openEntries(
  [first, ...specialists]: readonly ModelEntry[],
  reading: Reading,
  checkPath: CalibrationAccess['checkPath'],
): Promise<Attempt<Checkpoint>[]> {
  if (!first) return []
  const base = await attempt(async () => openModel(await checkPath(first.path), reading))
  const lend = async (): Promise<Checkpoint> => base.value ?? openModel(first.path, reading)
  const others = specialists.map(({ path, strengths }) =>
    attempt(async () => openSpecialist(await checkPath(path), lend, { ...reading, strengths })),
  )
  return [base, ...(await Promise.all(others))]
}

/**
 * The models of a project that shall run for a calibration, and on what.
 * @throws FusionError 'validation' where none shall; why one cannot
 */
export async function requestedModels(
  project: Project,
  cacheFolder: string,
  access: CalibrationAccess = UNLIMITED,
): Promise<(Pick<ModelEntry, 'name' | 'path' | 'strengths'> & { request: CalibrationRequest })[]> {
  const { models } = await planCalibration(project, cacheFolder, access)
  const requested = models.flatMap((planned) => {
    const { name, problem } = planned
    if (problem) throw new FusionError(problem.kind, `${name}: ${problem.message}`, problem)
    const { path, strengths } = project.models.find((model) => model.name === name)!
    const request = requestOf(project, planned)
    return request ? [{ name, path, ...(strengths && { strengths }), request }] : []
  })
  if (requested.length > 0) return requested
  throw new FusionError('validation', 'All models are left out.', { hint: 'Choose data or prompts for at least one.' })
}

/** At which timesteps a model would see pictures; none where it, or the base, cannot be opened. */
function timestepsOf(
  { calibration }: Project,
  checkpoint: Checkpoint | null,
  base: Checkpoint | null,
): Attempt<number[]> {
  return attemptNow(() => {
    if (!checkpoint || !base) return []
    const trainTimesteps = trainTimestepsOf(checkpoint, base)
    return spreadTimesteps({ seed: calibration.seed, trainTimesteps, range: calibration })
  })
}

/** null: the model is left out. */
function requestOf(project: Project, { use, prompts }: PlannedCalibration): CalibrationRequest | null {
  if (use === 'none') return null
  if (use === 'prompts') return { kind: 'prompts', prompts }
  const { evaluation, calibration } = project
  return {
    kind: 'data',
    folder: evaluationFolder(project),
    splitSeed: evaluation.seed,
    pictures: calibration.pictures,
    minTimestep: calibration.minTimestep,
    maxTimestep: calibration.maxTimestep,
  }
}

function plannedModel(
  { calibration: { choices, pictures: most, samples } }: Project,
  { name }: ModelEntry,
  layers: readonly CalibratedLayer[],
  data: Attempt<EvaluationData>,
  timesteps: Attempt<number[]>,
): PlannedCalibration {
  const choice = choices.find((candidate) => candidate.name === name)
  const use: CalibrationUse = choice?.use ?? (data.value ? 'data' : 'prompts')
  const seen = data.value ? attemptNow(() => picturesFor(data.value, name, most ?? undefined)) : data
  const chosen = seen.value ?? []
  const pictures = countPictures(chosen)
  const prompts = choice && choice.prompts.length > 0 ? choice.prompts : captionsOf(chosen)
  const once = { data: runsOf.data(pictures), prompts: runsOf.prompts(prompts.length), none: 0 }[use]
  const problems = {
    data: seen.problem ?? timesteps.problem,
    prompts: prompts.length > 0 ? null : toErrorReport(noPrompts(name)),
    none: null,
  }
  return {
    name,
    use,
    domains: chosen.map((domain) => domain.name),
    pictures,
    timesteps: timesteps.value ?? [],
    prompts,
    runs: once * layerGroups(layers, samples, passBytes()).length,
    problem: problems[use],
  }
}

function captionsOf(chosen: readonly ChosenDomain[]): string[] {
  if (chosen.length === 0) return []
  const domains = chosen.map(({ pictures }) => ({ pictures: pictures.map(({ picture }) => picture) }))
  return promptsOf({ domains }, CAPTIONS).filter(Boolean)
}

async function fileOf(
  { method }: Project,
  entries: readonly ModelEntry[],
  checkpoints: readonly (Checkpoint | null)[],
  cacheFolder: string,
  checkPath: CalibrationAccess['checkPath'],
): Promise<CalibrationFile | null> {
  const path = method.calibration
  if (path === undefined) return null
  const { value, problem } = await attempt(async () => openCalibration(await checkPath(path)))
  if (!value) return { path, bytes: 0, record: null, problem, models: [] }
  const models = await Promise.all(
    entries.map(async ({ name }, index) => ({
      name,
      fit: await fitOf(value, name, checkpoints[index]!, cacheFolder),
      needed: needsCalibration(method) && needsColumns(methodNamed(method.name), index),
    })),
  )
  return { path, bytes: value.file.size, record: value.record, problem: null, models }
}

async function fitOf(
  { record }: Calibration,
  name: string,
  checkpoint: Checkpoint | null,
  cacheFolder: string,
): Promise<CalibrationFile['models'][number]['fit']> {
  const files = checkpoint ? denoiserFiles(checkpoint) : []
  const hashes = await Promise.all(files.map((path) => cachedHash(path, cacheFolder)))
  const known = hashes.filter((hash) => hash !== undefined)
  if (known.length < files.length || files.length === 0) return 'unknown'
  if (checkpoint && calibratedModel(record, recordedAs(checkpoint, known)) >= 0) return 'fits'
  return record.models.some((model) => model.name === name) ? 'changed' : 'absent'
}

async function attempt<T>(run: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await run(), problem: null }
  } catch (error) {
    return { value: null, problem: toErrorReport(error) }
  }
}

function attemptNow<T>(run: () => T): Attempt<T> {
  try {
    return { value: run(), problem: null }
  } catch (error) {
    return { value: null, problem: toErrorReport(error) }
  }
}
