import { realpath, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { FusionError } from '../../contract/errors'
import { isProjectPath, modelNames } from '../../contract/document/names/model-names'
import {
  projectSchema,
  readingOf,
  type AdapterStrengths,
  type OutputSettings,
  type Project,
  type Reading,
} from '../../contract/document/project'
import { distinctBy } from '../../contract/values/distinct-by'
import { openAdapter, type Adapter } from '../adapters/adapter-file'
import { applyAdapter } from '../adapters/apply-adapter'
import type { SourceFile } from '../checkpoint/containers/container'
import { withPrediction } from '../checkpoint/identify/prediction'
import { settingsFilesOf } from '../checkpoint/settings-files'
import type { Checkpoint } from '../checkpoint/model/checkpoint'
import { openCheckpoint } from '../checkpoint/open'
import { unreadable } from '../files/reading/file-errors'
import { stateOf } from '../files/reading/file-state'
import type { AlignListener } from './alignment/align-models'
import { mergedCheckpoint } from './chains/merged-checkpoint'
import { readProject } from './chains/project-file'
import { checkpointsOf, planBehind, type MergePlan, type OpenedModels } from './plan/merge-plan'
import { openModelsWith, planMergeWith, type ModelOpener, type SpecialistOptions } from './plan/plan'

/** Merges inside one another: more is a mistake. */
const MOST_LEVELS = 8
/** Merges that one model leads to, in all: every one of them is opened and planned. */
const MOST_MERGES = 64

/**
 * Opens a model from headers alone: files of weights, or a project as the model that its merge makes, which is computed
 * when it is read.
 * @throws FusionError 'validation' for projects that name each other in a circle, or too many; whatever opening throws
 */
export function openModel(path: string, reading?: Reading): Promise<Checkpoint> {
  return new Opening().open(path, reading)
}

/**
 * Opens a model, or an adapter as the model that it makes of a base.
 * @param base asked for where the path is an adapter's
 * @throws FusionError 'incompatible' for an adapter that does not fit the base; 'validation' for strengths of a model that
 * is no adapter; whatever opening throws
 */
export function openSpecialist(
  path: string,
  base: () => Promise<Checkpoint>,
  options: SpecialistOptions = {},
): Promise<Checkpoint> {
  return new Opening().openSpecialist(path, base, options)
}

/** Opens a model, or an adapter by itself. @throws whatever opening throws */
export function openEither(path: string, reading?: Reading): Promise<Checkpoint | Adapter> {
  return new Opening().openEither(path, reading)
}

/** The files of a model or an adapter, from headers alone. @throws whatever opening throws */
export async function filesOfModel(path: string): Promise<SourceFile[]> {
  return (await openEither(path)).files
}

/** The same with the files of its settings (filesBehind). @throws whatever opening throws */
export async function filesBehindModel(path: string): Promise<SourceFile[]> {
  return filesBehind(await openEither(path))
}

/**
 * All that decides what a model computes: its files, and the settings that lie beside them (settings-files.ts); of a
 * project, those of every model that it leads to.
 * @throws FusionError 'not-found', 'unreadable'
 */
export async function filesBehind(opened: Checkpoint | Adapter): Promise<SourceFile[]> {
  // An adapter's settings are among its own files.
  const settings = 'modules' in opened ? [] : await settingsBehind(opened)
  return distinctBy([...opened.files, ...settings], (file) => file.path)
}

async function settingsBehind(checkpoint: Checkpoint): Promise<SourceFile[]> {
  const plan = planBehind(checkpoint)
  if (!plan) return settingsFilesOf(checkpoint.path)
  const { vae } = plan.project.output
  const ofModels = await Promise.all(checkpointsOf(plan).map(settingsBehind))
  return [...ofModels.flat(), ...(vae === undefined ? [] : await settingsBehind(await openModel(vae)))]
}

/**
 * Opens the models of a project that take part, from headers alone, unless they are to be aligned.
 * @throws FusionError 'incompatible' with every reason, 'validation', and whatever opening and aligning a model throws
 */
export function openModels(project: Project, listener: AlignListener = {}): Promise<OpenedModels> {
  return openModelsWith(new Opening([], listener), project, listener)
}

/**
 * Opens the models of a project and plans their merge from headers alone, unless they are to be aligned.
 * @throws FusionError 'incompatible' with every reason, 'validation', and whatever opening and aligning a model throws
 */
export function planMerge(project: Project, listener: AlignListener = {}): Promise<MergePlan> {
  return planMergeWith(new Opening([], listener), project, listener)
}

/**
 * Plans merges of the same models one after the other: the headers of each are read once. What changes on the disk
 * meanwhile is noticed when weights are read.
 * @throws what planMerge throws
 */
export function mergePlanner(listener: AlignListener = {}): (project: Project) => Promise<MergePlan> {
  const opening = new Opening([], listener, { merges: 0 }, new Map())
  return (project) => planMergeWith(opening, project, listener)
}

/**
 * Plans how a model is written in another layout, element type or number of files, from headers alone.
 * @throws FusionError 'unsupported' for a layout that the model's kind does not have, and whatever opening it throws
 */
export async function planConversion(path: string, output: OutputSettings, reading: Reading = {}): Promise<MergePlan> {
  const name = modelNames([{ path }])[0]!
  const { metadata } = await openModel(path, reading)
  const title = output.title ?? metadata['modelspec.title'] ?? name
  const project = projectSchema.parse({
    ...{ format: 'featurefusion-project', version: 1 },
    ...readingOf(reading),
    models: [{ name, path }],
    method: { name: 'soup' },
    output: { ...output, title },
  })
  return planMergeWith(new Opening(), project, { isConversion: true })
}

/** The opening of one model or project with all merges that it leads to. */
class Opening implements ModelOpener {
  /**
   * @param outer the projects that led here, by their real paths
   * @param listener hears of models that inner merges align
   * @param count of all merges opened so far
   * @param kept models that were opened, by path and reading; absent: each is opened whenever it is asked for
   */
  constructor(
    private readonly outer: readonly string[] = [],
    private readonly listener: AlignListener = {},
    private readonly count = { merges: 0 },
    private readonly kept?: Map<string, Promise<Checkpoint>>,
  ) {}

  open(path: string, reading?: Reading): Promise<Checkpoint> {
    const key = JSON.stringify([path, reading?.prediction, reading?.ema])
    const before = this.kept?.get(key)
    if (before) return before
    const opened = isProjectPath(path) ? this.openProject(resolve(path), reading) : openCheckpoint(path, reading)
    this.kept?.set(key, opened)
    return opened
  }

  async openSpecialist(
    path: string,
    base: () => Promise<Checkpoint>,
    { strengths, ...reading }: SpecialistOptions,
  ): Promise<Checkpoint> {
    const opened = await this.openEither(path, reading)
    if ('modules' in opened) return applyAdapter(opened, await base(), strengths ?? FULL_STRENGTHS)
    if (strengths === undefined) return opened
    throw new FusionError('validation', `${path} is a whole model: strengths are for adapters (LoRA and the like).`, {
      hint: 'Give it a weight instead.',
    })
  }

  async openEither(path: string, reading?: Reading): Promise<Checkpoint | Adapter> {
    try {
      return await this.open(path, reading)
    } catch (error) {
      // Asked second: models, whose headers are long, are opened once.
      if (isProjectPath(path) || !(error instanceof FusionError) || error.kind !== 'unsupported') throw error
      const adapter = await openAdapter(path)
      if (adapter) return adapter
      throw error
    }
  }

  private async openProject(path: string, { prediction }: Reading = {}): Promise<Checkpoint> {
    const project = await readProject(path)
    const [real, entry] = await Promise.all([realpath(path), stat(path, { bigint: true })]).catch((cause: unknown) => {
      throw unreadable(path, cause)
    })
    this.refuseEndless(path, real)
    const { listener, count } = this
    try {
      const plan = await planMergeWith(new Opening([...this.outer, real], listener, count), project, listener)
      const merged = mergedCheckpoint(plan, { path, size: Number(entry.size), state: stateOf(entry) })
      return prediction === undefined ? merged : { ...merged, ...withPrediction(merged, prediction) }
    } catch (error) {
      throw error instanceof FusionError ? insideOf(path, error) : error
    }
  }

  /** @throws FusionError 'validation' */
  private refuseEndless(path: string, real: string): void {
    if (this.outer.includes(real))
      throw new FusionError('validation', `${path} is made from itself.`, {
        detail: [...this.outer, real].join(' → '),
        hint: 'Take one of these projects out of the other.',
      })
    if (this.outer.length >= MOST_LEVELS || ++this.count.merges > MOST_MERGES)
      throw new FusionError(
        'validation',
        `${path} is one merge too many inside others: at most ${MOST_LEVELS} inside one another and ${MOST_MERGES} in all.`,
        { hint: 'Write the innermost merges first, and use the files that they give.' },
      )
  }
}

const FULL_STRENGTHS: AdapterStrengths = { unet: 1, textEncoder: 1 }

/** What went wrong in a project that is used as a model: with that project's path, where the message does not name it. */
function insideOf(path: string, error: FusionError): FusionError {
  const { kind, message, detail, hint, file } = error
  if (message.includes(path)) return error
  const more = { ...(detail !== undefined && { detail }), ...(hint !== undefined && { hint }), ...(file && { file }) }
  return new FusionError(kind, `In ${path}: ${message}`, { ...more, cause: error })
}
