import { processorName } from '../../runtime/processor'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { FusionError } from '../../../contract/errors'
import { thresholdOf } from '../../../contract/document/project'
import { distinctBy } from '../../../contract/values/distinct-by'
import { makePrivateFolder } from '../../files/writing/permissions'
import { isBeingWritten } from '../../files/writing/writers'
import { readCheckedJson, writeCheckedJson } from '../../files/kept/checked-json'
import { digest } from '../../files/kept/digest'
import { writingError } from '../../files/writing/writing-error'
import { checkSpace } from '../../files/writing/disk-space'
import { liesInFile } from '../../checkpoint/containers/container'
import { cachedHash } from '../../checkpoint/hash'
import { RUNTIME_VERSION, type Provider } from '../../runtime/session'
import { elementCount } from '../../tensor/element-type'
import { CONTRIBUTIONS_FOLDER } from './cache-space'
import { throwIfCancelled, yieldOrCancel } from '../../cancel'
import {
  contributionBytes,
  ContributionWriter,
  readContributions,
  type Contributions,
  formsOf,
  type LayerForm,
  type LayerSize,
  type ModelContributions,
} from './contribution-file'
import { featureFusion } from '../methods/feature-fusion'
import { ContributedLayers, type ModelWriter } from './contributed-layers'
import { nearModels } from '../expected-screen'
import { assumedSeconds, expectedCost, taskCost } from '../plan/cost'
import { canScreen } from '../fusion/fusion-blocks'
import { groupsOf } from '../jobs/layer-inputs'
import { viewInputs } from '../jobs/view-inputs'
import { makeWay, markUsed } from './kept-contributions'
import { layerTasksOf, planBehind, sourcesOf, type LayerTask, type MergePlan } from '../plan/merge-plan'

/** Part of every key: another form of the files, or another arithmetic behind them, is another key. */
const FORMAT = 4
/** τ by layer and group. */
const thresholdsSchema = z.record(z.string(), z.array(z.number()))
/** How often it is looked whether another process has finished the same contributions. */
const WAIT_MS = 500

export interface ContributionOptions {
  cacheFolder: string
  provider: Provider
  /** sha256 of every source file, by path. */
  hashes: ReadonlyMap<string, string>
  /** Paths of models without weight whose contributions are wanted as well. */
  also?: ReadonlySet<string>
  /** The built tensor-worker; without it everything runs on the calling thread. */
  workerFile?: URL | null
  threads?: number
  signal?: AbortSignal
  /** Fraction of the work that is done, 0 … 1, never falling; not called where everything is there. */
  onProgress?: (fraction: number) => void
}

/** A model's contributions that are wanted: where they lie and what they take. */
interface Wanted {
  model: number
  path: string
  found: ModelContributions | null
}

/** What contributions to a plan's layers take on disk, about: in all, and those that are not there yet. */
export interface ContributionForecast {
  bytes: number
  missingBytes: number
}

/** Whether a merge of a plan sums contributions that are kept. */
export function reusesContributions(plan: Pick<MergePlan, 'project' | 'method' | 'tasks'>): boolean {
  return plan.method.kind === 'fusion' && plan.project.method.reuse && layerTasksOf(plan).length > 0
}

/** A layer's matrix over all groups. */
export function layerSize({ layer: { weight, shape, kind } }: LayerTask): LayerSize {
  const rows = shape[kind.transposedConvolution ? 1 : 0]!
  return { name: weight, rows, inputs: elementCount(shape) / rows }
}

/**
 * The contributions of all models that have a weight: from the cache, or computed now, layer by layer, and kept there.
 * They are named by the hashes of the sources and by all parameters, so what is found is what would be computed; a new
 * specialist leaves those of the others as they are unless it moves an automatic threshold.
 * @throws FusionError 'not-finite', 'source-changed', 'target' (disk full, folder read-only), 'cancelled', 'device',
 * 'out-of-memory'
 */
export async function ensureContributions(plan: MergePlan, options: ContributionOptions): Promise<Contributions> {
  const work = new ContributionWork(plan, options)
  try {
    return await work.run()
  } finally {
    await work.release()
  }
}

/**
 * What a merge probably takes on disk for contributions, told from headers and a few rows: contributions to files whose
 * hash is not known yet count as missing. 0 for methods that keep none, and for a plan that does not reuse them.
 */
export async function forecastContributions(
  plan: MergePlan,
  options: Pick<ContributionOptions, 'cacheFolder' | 'provider' | 'also'>,
): Promise<ContributionForecast> {
  if (!reusesContributions(plan)) return { bytes: 0, missingBytes: 0 }
  const hashes = new Map<string, string>()
  for (const { path } of sourcesOf(plan)) {
    const known = await cachedHash(path, options.cacheFolder)
    if (known !== undefined) hashes.set(path, known)
  }
  const work = new ContributionWork(plan, { ...options, hashes })
  const thresholds = await work.knownThresholds()
  const wanted = thresholds ? await work.wanted(thresholds) : work.models().map((model) => ({ model, found: null }))
  const missingBytes = wanted
    .filter(({ found }) => !found)
    .reduce((sum, { model }) => sum + contributionBytes(work.expectedForms(model)), 0)
  return { bytes: wanted.reduce((sum, { found }) => sum + (found?.byteLength ?? 0), missingBytes), missingBytes }
}

class ContributionWork {
  private readonly folder: string
  private readonly tasks: LayerTask[]
  private readonly sizes: LayerSize[]
  private readonly layers: ContributedLayers
  private done = 0
  private total = 0
  private shown = 0
  private near: readonly boolean[] | undefined

  constructor(
    private readonly plan: MergePlan,
    private readonly options: Omit<ContributionOptions, 'signal'> & { signal?: AbortSignal },
  ) {
    this.folder = join(options.cacheFolder, CONTRIBUTIONS_FOLDER)
    this.tasks = layerTasksOf(plan)
    this.sizes = this.tasks.map(layerSize)
    this.layers = new ContributedLayers(plan, this.tasks, options)
  }

  async run(): Promise<Contributions> {
    const known = await this.knownThresholds()
    if (!known) await this.makeFolder()
    const thresholds = known ?? (await this.decideThresholds())
    const wanted = await this.wanted(thresholds)
    const missing = wanted.filter(({ found }) => !found)
    if (missing.length > 0) {
      await this.makeFolder()
      await this.compute(missing, thresholds)
    }
    const models = this.plan.models.map(() => null) as Contributions['models']
    for (const { model, path, found } of missing.length > 0 ? await this.wanted(thresholds) : wanted) {
      if (!found) throw new FusionError('internal', `The contributions in ${path} vanished.`, { hint: 'Try again.' })
      models[model] = found
    }
    return { models, thresholds }
  }

  async release(): Promise<void> {
    await this.layers.release()
  }

  /** Models that have a weight somewhere, or are wanted without. */
  models(): number[] {
    const { also } = this.options
    return this.plan.models.flatMap(({ entry }, model) =>
      also?.has(entry.path) || this.tasks.some(({ weights }) => weights[model] !== 0) ? [model] : [],
    )
  }

  /** What a file of a model's contributions will probably hold. */
  expectedForms(model: number): LayerForm[] {
    return this.tasks.map((task) => ({ ...layerSize(task), differs: this.isExpectedToDiffer(task, model) }))
  }

  /** Files that lie there are marked as used. */
  async wanted(thresholds: Contributions['thresholds']): Promise<Wanted[]> {
    return Promise.all(
      this.models().map(async (model) => {
        const path = join(this.folder, `${this.key(model, thresholds)}.safetensors`)
        const found = await readContributions(path, this.sizes)
        if (found) await markUsed(path)
        return { model, path, found }
      }),
    )
  }

  /** τ by layer and group, where it was given or decided before; else null. */
  async knownThresholds(): Promise<Contributions['thresholds'] | null> {
    const threshold = thresholdOf(this.plan.project.method)
    if (threshold !== 'auto')
      return new Map(this.tasks.map(({ layer }) => [layer.weight, Array<number>(layer.kind.groups).fill(threshold)]))
    const path = this.thresholdsPath()
    const stored = await readCheckedJson(path, basename(path), thresholdsSchema)
    if (stored) await markUsed(path)
    return stored && new Map(Object.entries(stored))
  }

  /** 'auto' looks at all models of the set, whatever their weights (method.md): so its decisions have a file of their own. */
  private async decideThresholds(): Promise<Contributions['thresholds']> {
    this.expect(this.tasks, this.models(), (task, model) => this.isExpectedToDiffer(task, model))
    const decided = await this.layers.decideThresholds((task) => this.advance(lookingSeconds(task)))
    const path = this.thresholdsPath()
    await makeWay(path)
    await writeCheckedJson(path, basename(path), Object.fromEntries(decided)).catch((error: unknown) => {
      throw writingError(error, path)
    })
    return decided
  }

  /** Refuses a folder that cannot be written to before anything is computed for it. */
  private async makeFolder(): Promise<void> {
    try {
      makePrivateFolder(this.folder)
      await access(this.folder, constants.W_OK)
    } catch (error) {
      throw writingError(error, this.folder)
    }
  }

  /** Computes models' contributions; waits where another process does so already. */
  private async compute(missing: readonly Wanted[], thresholds: Contributions['thresholds']): Promise<void> {
    const started: ModelWriter[] = []
    // Copies of one model have one file.
    const files = distinctBy(missing, ({ path }) => path)
    const models = files.map(({ model }) => model)
    const { layers } = this
    this.expect(layers.unknown, models, (task, model) => this.isExpectedToDiffer(task, model))
    const own = await layers.findOwnRows(models, thresholds, (task) => this.advance(lookingSeconds(task)))
    const formsOfModel = (model: number): LayerForm[] => formsOf(this.sizes, ({ name }) => !own.get(name)?.has(model))
    const bytes = models.reduce((sum, model) => sum + contributionBytes(formsOfModel(model)), 0)
    await checkSpace(join(this.folder, 'contributions'), bytes)
    try {
      // In one order for all processes, so that no two wait for each other.
      for (const { model, path } of files.sort((a, b) => (a.path < b.path ? -1 : 1))) {
        const writer = await this.startWriting(path, formsOfModel(model))
        if (writer) started.push({ model, writer })
      }
      this.expect([], models, ({ layer }, model) => !own.get(layer.weight)?.has(model))
      const advance = (task: LayerTask, count: number): Promise<void> => this.advance(secondsOf(task) * count)
      if (started.length > 0) await layers.compute(started, thresholds, own, advance)
      while (started.length > 0) {
        await started[0]!.writer.commit()
        started.shift()
      }
    } catch (error) {
      let words = error
      for (const { writer } of started) words = await writer.discard(words)
      throw words
    }
  }

  /** Returns null where another process has written the same file, perhaps while this one waited. */
  private async startWriting(path: string, layers: readonly LayerForm[]): Promise<ContributionWriter | null> {
    for (;;) {
      while (await isBeingWritten(path)) {
        await sleep(WAIT_MS)
        throwIfCancelled(this.options.signal)
      }
      if (await readContributions(path, this.sizes)) return null
      try {
        await makeWay(path)
        return await ContributionWriter.create(path, layers)
      } catch (error) {
        if (!(await isBeingWritten(path))) throw error // another process was faster
      }
    }
  }

  private thresholdsPath(): string {
    const models = this.plan.models.map((_, model) => this.sourceHashes(model))
    return join(this.folder, `thresholds-${digest([models, this.parameters()])}.json`)
  }

  private key(model: number, thresholds: Contributions['thresholds']): string {
    const layers = this.sizes.map(({ name, rows, inputs }) => [name, rows, inputs, thresholds.get(name)])
    const { normaliser } = this.plan.project.method
    return digest([this.sourceHashes(0), this.sourceHashes(model), this.parameters(), normaliser, layers])
  }

  /** Everything but the models, the threshold and the normaliser that the bytes of a contribution depend on. */
  private parameters(): unknown[] {
    const { statistics, samples, seed, layerKinds } = this.plan.project.method
    const { calibration } = this.plan
    const sampling =
      statistics === 'sampled' ? [samples, seed] : calibration ? [this.options.hashes.get(calibration.file.path)] : []
    return [FORMAT, statistics, sampling, layerKinds, this.options.provider, RUNTIME_VERSION, processorName()]
  }

  /** Of the files that a model's layers lie in, and how they were computed from them or put in another order. */
  private sourceHashes(model: number): string[] {
    const stored = this.tasks
      .flatMap(({ views, biasViews }) => [views[model]!, ...(biasViews ? [biasViews[model]!] : [])])
      .map((view) => view.stored)
    const settings = stored.flatMap(({ computed, permuted }) => [
      ...(computed ? [JSON.stringify(computed.settings)] : []),
      ...(permuted ? [digest([permuted.rows, permuted.columns])] : []),
    ])
    const { checkpoint } = this.plan.models[model]!
    // A merge that is not written lies in no file: it is all that it is made from.
    const files = planBehind(checkpoint) ? checkpoint.files : stored
    const paths = new Set(files.map(({ path }) => path))
    const hashes = [...paths].flatMap((path) => this.options.hashes.get(path) ?? []).sort()
    return [...hashes, ...(checkpoint.usesEma ? ['ema'] : []), ...settings]
  }

  private isExpectedToDiffer({ layer, views }: LayerTask, model: number): boolean {
    this.near ??= nearModels(this.plan, this.options.provider) ?? []
    if (!this.near[model] || !liesInFile(views[model]!.stored)) return true
    const [rows] = groupsOf(layer, viewInputs(views, this.layers.reader), null)
    return !canScreen(rows!, rows!.inputs)
  }

  /**
   * Forecasts what is left to do.
   * @param looked layers that are looked at first
   * @param differs whether a model's differences from the base are then computed
   */
  private expect(
    looked: readonly LayerTask[],
    models: readonly number[],
    differs: (task: LayerTask, model: number) => boolean,
  ): void {
    const looking = looked.reduce((sum, task) => sum + lookingSeconds(task), 0)
    const computing = this.tasks.map((task) => secondsOf(task) * models.filter((model) => differs(task, model)).length)
    this.total = this.done + looking + computing.reduce((sum, seconds) => sum + seconds, 0)
  }

  private async advance(seconds: number): Promise<void> {
    this.done += seconds
    this.shown = Math.max(this.shown, Math.min(1, this.done / this.total))
    this.options.onProgress?.(this.shown)
    await yieldOrCancel(this.options.signal)
  }
}

/** What a model's products with all rows take. */
function secondsOf(task: LayerTask): number {
  return assumedSeconds(taskCost(task, featureFusion)) / task.views.length
}

/** What finding takes where products can be left out, of all models. */
function lookingSeconds(task: LayerTask): number {
  const all = task.views.map(() => true)
  return assumedSeconds(expectedCost(task, featureFusion, all))
}
