import type { ModelRole } from '../../contract/evaluate/losses'
import type { Recognition } from '../../contract/evaluate/scores/recognition'
import type { EvaluationSettings } from '../../contract/evaluate/settings'
import { FusionError } from '../../contract/errors'
import { readingOf, type AdapterStrengths, type Project, type Reading } from '../../contract/document/project'
import { openModel, openSpecialist } from '../merge/open-model'
import { loadPipeline } from '../diffusion/load-pipeline'
import type { Pipeline } from '../diffusion/pipeline'
import { throwIfCancelled } from '../cancel'
import { LiveMerge, reasonAgainstFeeding } from '../merge/live-merge'
import { planMerge } from '../merge/open-model'
import type { MergePlan } from '../merge/plan/merge-plan'
import type { Provider } from '../runtime/session'
import { checkpointModel, liveModel, readUnetWeights, type EvaluatedModel } from './losses/evaluated-model'
import { openEvaluationData, vaeHashFor, type EvaluationData } from './data/evaluation-data'
import type { EvaluationSet } from './data/evaluation-set'
import { domainLossesSchema, lossKeyOf, lossKeysOf, type DomainLosses, type Measurement } from './losses/loss-key'
import { identityFor, measurementsIn, type KeptIn } from './measured/kept-in'
import type { Measurements } from './measured/measurements'
import type { ResultLines } from './measured/result-lines'
import type { FileIdentity } from './file-identity'
import { keepingFailures } from './measured/kept-failures'
import { NotMeasured } from './measured/not-measured'
import { modelKeyOf, type ModelSurroundings } from './model-key'
import { LossMeter, type LossTable, type ModelLosses } from './losses/loss-table'
import { chooseSplit, countPictures, type ChosenDomain } from './data/splits'
import type { ScoringOptions } from './scored-pictures/picture-scores'
import { Recogniser, type RecogniserSettings } from './recognition/recogniser'
import type { Nearest } from './recognition/recognition-meter'
import { WrittenMerge, type WritingTools } from './written-merge'
import { isDenoiser } from '../../contract/values/denoisers'

/** What is measured: a model's file, or a merge. */
export interface EvaluatedRow {
  name: string
  role: ModelRole
  path: string | null
  merge: Project | null
  /** Of an adapter; absent: 1. */
  strengths?: AdapterStrengths | undefined
  /** In a comparison: the scale of the merge is looked for. */
  searchesScale?: boolean | undefined
}

export type DataSettings = Pick<EvaluationSettings, 'split' | 'pictures' | 'seed'> & { folder: string }

export interface EvaluationTools extends Reading, WritingTools {
  /** A whole pipeline: models are measured in its network. */
  base: string
  data: DataSettings
  /** Absent: what is measured is kept in the cache. */
  results?: ResultLines | undefined
  /** Absent: models are measured by their losses alone. */
  recognition?: RecogniserSettings | undefined
}

/** A row that is measured; `seconds` is what its merge took, null for a model that was there. */
export interface MeasuredRow extends ModelLosses {
  seconds: number | null
  /** What its pictures are nearest to; null where none were asked for. */
  nearest: Nearest | null
  /** Of the merge, where it was searched. */
  scale: number | null
}

/** Losses by domain, picture and timestep, and what making the model cost. */
interface RowLosses {
  losses: number[][][]
  /** null for a model that was there. */
  seconds: number | null
}

interface Progress {
  (phase: string, fraction: number): void
}

/** Parts of a row's time: a merge is made, then measured. */
const MERGING_PART = 0.3

/** What models are measured with: one network, one set of pictures, loaded when the first row needs them. */
export class EvaluationRun {
  readonly #data: EvaluationData
  readonly #wanted: ChosenDomain[]
  readonly #store: Measurements<DomainLosses>
  readonly #identity: FileIdentity
  readonly #recogniser: Recogniser | null
  #network: { pipeline: Pipeline; live: LiveMerge } | null = null
  #pictures: { set: EvaluationSet; chosen: ChosenDomain[]; meter: LossMeter } | null = null
  readonly #written: WrittenMerge

  private constructor(
    private readonly tools: EvaluationTools,
    data: EvaluationData,
  ) {
    const { split, pictures } = tools.data
    this.#data = data
    this.#wanted = chooseSplit(data, split, pictures ?? undefined)
    this.#store = measurementsIn(tools, domainLossesSchema)
    this.#identity = identityFor(tools)
    this.#written = new WrittenMerge(tools)
    this.#recogniser = tools.recognition ? new Recogniser(tools.recognition, this.#wanted, tools) : null
  }

  /** @throws FusionError 'not-found', 'malformed', 'validation' of the data */
  static async open(tools: EvaluationTools): Promise<EvaluationRun> {
    return new EvaluationRun(tools, await openEvaluationData(tools.data.folder, tools.data.seed))
  }

  get timesteps(): readonly number[] {
    return this.#data.timesteps
  }

  get domains(): readonly ChosenDomain[] {
    return this.#wanted
  }

  get provider(): Provider {
    return this.tools.device.provider
  }

  /** Where what is measured and drawn is kept. */
  get keptIn(): KeptIn {
    return this.tools
  }

  get signal(): AbortSignal | undefined {
    return this.tools.signal
  }

  /** What scores the rows' pictures: on the same device, kept in the same cache. */
  get scoring(): ScoringOptions {
    const { device, cacheFolder, results, clipVocabulary } = this.tools
    return { device, cacheFolder, results, clipVocabulary, ...this.#signal }
  }

  /** Pictures that each row draws. */
  get drawnPictures(): number {
    return this.#recogniser?.pictures ?? 0
  }

  /** Runs of the UNet on one picture that they take. */
  get drawnSteps(): number {
    return this.#recogniser?.runs ?? 0
  }

  /** The measured rows as a table. @param domains what they were measured on */
  tableOf(rows: readonly ModelLosses[], domains: readonly ChosenDomain[] = this.#wanted): LossTable {
    return { timesteps: this.timesteps, domains, models: rows }
  }

  /** What the measured rows drew; null where none were asked to draw. */
  recognitionOf(rows: readonly MeasuredRow[]): Recognition | null {
    const drawn = rows.flatMap(({ name, role, nearest }) => (nearest ? [{ name, role, nearest }] : []))
    return this.#recogniser?.summarise(drawn) ?? null
  }

  /**
   * Measures a row, or finds it measured. Pictures that it draws are compared with those of all domains that were chosen.
   * @param domains a part of them, for losses
   * @throws FusionError 'cancelled' between batches, 'not-finite' (a network that is ruined), and what opening, merging,
   *   measuring and drawing throw
   */
  async measure(
    row: EvaluatedRow,
    onProgress: Progress,
    domains: readonly ChosenDomain[] = this.#wanted,
  ): Promise<MeasuredRow> {
    const lossRuns = countPictures(domains) * this.timesteps.length
    const lossPart = lossRuns / (lossRuns + this.drawnSteps)
    const losses = await this.lossesOf(row, (phase, fraction) => onProgress(phase, lossPart * fraction), domains)
    const nearest = await this.#drawnBy(row, (phase, fraction) =>
      onProgress(phase, lossPart + (1 - lossPart) * fraction),
    )
    const { name, role, merge, searchesScale } = row
    return { name, role, ...losses, nearest, scale: searchesScale ? (merge?.method.scale ?? null) : null }
  }

  /**
   * Losses of a row on some of the pictures; each domain's are kept as soon as they are measured.
   * @throws as measure
   */
  async lossesOf(row: EvaluatedRow, onProgress: Progress, domains: readonly ChosenDomain[]): Promise<RowLosses> {
    const found = new Map<string, DomainLosses>()
    const keys = await lossKeysOf(row, this.#measuredOn(domains), this.#identity)
    for (const [name, key] of keys) {
      const known = await this.#store.find(key)
      if (known) found.set(name, known)
    }
    const missing = domains.filter(({ name }) => !found.has(name))
    const keyed = (name: string) => ({ key: keys.get(name)!, unit: `${row.name} on ${name}` })
    const keep = async (name: string, measured: DomainLosses): Promise<void> => {
      found.set(name, measured)
      const { key, unit } = keyed(name)
      await this.#store.keep(key, measured, unit)
    }
    const wanted = missing.map(({ name }) => keyed(name))
    if (missing.length > 0)
      await keepingFailures(this.tools, wanted, () => this.#measureLosses(row, onProgress, missing, keep))
    const losses = domains.map(({ name }) => found.get(name)!.losses)
    if (losses.flat(2).every(Number.isFinite)) return { losses, seconds: found.get(domains[0]!.name)!.seconds }
    throw new FusionError('not-finite', `The network of ${row.name} gives NaN or infinity, so it has no loss.`, {
      hint: 'Its weights are too large: try others, or another method.',
    })
  }

  async #measureLosses(
    row: EvaluatedRow,
    onProgress: Progress,
    domains: readonly ChosenDomain[],
    keep: (domain: string, measured: DomainLosses) => Promise<void>,
  ): Promise<void> {
    const { meter } = await this.load(onProgress)
    const { model, cost } = await this.modelOf(row, (fraction) => onProgress('merging', MERGING_PART * fraction))
    await meter.measure(model, this.#encodedOf(domains), {
      ...this.#signal,
      onProgress: (_, fraction) =>
        onProgress('measuring', row.merge ? MERGING_PART + (1 - MERGING_PART) * fraction : fraction),
      onDomain: (index, losses) =>
        keep(domains[index]!.name, { losses: losses.map((values) => Array.from(values)), seconds: cost() }),
    })
  }

  /** The key of a row's model, whatever it is measured on. */
  modelKeyOf(row: EvaluatedRow): Promise<string> {
    return modelKeyOf(row, this.#surroundings, this.#identity)
  }

  /** The key of all that a row's losses on all chosen pictures depend on. */
  async measurementKeyOf(row: Pick<EvaluatedRow, 'path' | 'merge' | 'strengths'>): Promise<string> {
    return lossKeyOf(row, this.#measuredOn(this.#wanted), this.#identity)
  }

  #measuredOn(chosen: readonly ChosenDomain[]): Measurement {
    return { ...this.#surroundings, ...this.tools.data, chosen }
  }

  get #surroundings(): ModelSurroundings {
    return { base: this.tools.base, ...readingOf(this.tools), provider: this.provider }
  }

  /** The same pictures by their places in the set that is loaded. */
  #encodedOf(domains: readonly ChosenDomain[]): ChosenDomain[] {
    const { chosen } = this.#pictures!
    return domains.map(({ name, pictures }) => {
      const wanted = this.#wanted.find((domain) => domain.name === name)!.pictures
      const encoded = chosen.find((domain) => domain.name === name)!.pictures
      return { name, pictures: pictures.map(({ index }) => encoded[wanted.findIndex((own) => own.index === index)]!) }
    })
  }

  async #drawnBy(row: EvaluatedRow, onProgress: Progress): Promise<Nearest | null> {
    const recogniser = this.#recogniser
    if (!recogniser) return null
    const key = await recogniser.keyOf(await this.measurementKeyOf(row), this.#identity)
    const { nearest, isWhole } = await recogniser.find(key)
    if (isWhole) return nearest
    return keepingFailures(this.tools, [{ key, unit: `what ${row.name} draws` }], async () => {
      const { set } = await this.load((phase) => onProgress(phase, 0))
      return this.withModel(row, async (pipeline) =>
        recogniser.measure(
          { pipeline, key: await this.modelKeyOf(row), name: row.name },
          set,
          key,
          this.provider,
          (fraction) => onProgress('drawing', fraction),
          this.tools.signal,
        ),
      )
    })
  }

  /** Works with the pipeline as a row's model makes it: to draw with it. */
  async withModel<Result>(row: EvaluatedRow, work: (pipeline: Pipeline) => Promise<Result>): Promise<Result> {
    const { pipeline } = await this.loadNetwork(() => {})
    const { model } = await this.modelOf(row, () => {})
    const prepared = await model.prepare(pipeline)
    try {
      return await work(prepared)
    } finally {
      if (prepared !== pipeline) await prepared.release()
    }
  }

  /** The pipeline alone, to draw with. @throws NotMeasured where results are gathered; what loading throws */
  async loadNetwork(onProgress: Progress): Promise<{ pipeline: Pipeline; live: LiveMerge }> {
    if (this.tools.results?.isOnlyRead) throw new NotMeasured()
    if (this.#network) return this.#network
    const { base, device, cacheFolder, workerFile, threads } = this.tools
    onProgress('loading', 0)
    throwIfCancelled(this.tools.signal)
    const pipeline = await loadPipeline(await openModel(base, this.tools), {
      ...this.#loading,
      device,
      liveUnet: true,
    })
    const { provider } = device
    const live = new LiveMerge(pipeline, {
      cacheFolder,
      provider,
      ...(workerFile && { workerFile }),
      ...(threads !== undefined && { threads }),
    })
    return (this.#network = { pipeline, live })
  }

  /** The pipeline, and the pictures of the chosen split as latents. */
  async load(onProgress: Progress) {
    const network = await this.loadNetwork(onProgress)
    this.#pictures ??= await this.#encode(network.pipeline, onProgress)
    return { ...network, ...this.#pictures }
  }

  async #encode(pipeline: Pipeline, onProgress: Progress) {
    const { base, cacheFolder } = this.tools
    const { set, chosen } = await this.#data.load(this.#wanted, pipeline, {
      vaeHash: vaeHashFor(this.#data, await openModel(base, this.tools)),
      cacheFolder,
      ...this.#signal,
      onProgress: (done, total) => onProgress('encoding pictures', done / total),
    })
    return { set, chosen, meter: new LossMeter(pipeline, set) }
  }

  /** The base, to be measured in its own network. */
  async baseModel(): Promise<EvaluatedModel> {
    const checkpoint = await openModel(this.tools.base, this.tools)
    return checkpointModel('base', 'base', checkpoint, { base: checkpoint, ...this.#loading })
  }

  /** Frees the networks' memory; they are loaded again where something needs them. */
  async releaseNetworks(): Promise<void> {
    await this.#recogniser?.release()
    await this.#network?.pipeline.release()
    this.#network = null
    this.#pictures = null
  }

  async release(): Promise<void> {
    await this.releaseNetworks()
    await this.#written.remove()
  }

  /** A row as a model of the loaded pipeline; `cost` is the seconds that its merge took, once it was prepared. */
  async modelOf(
    { name, role, path, merge, strengths }: EvaluatedRow,
    onMerging: (fraction: number) => void,
  ): Promise<{ model: EvaluatedModel; cost: () => number | null }> {
    if (!merge) {
      if (path === null) throw new FusionError('internal', `The row ${name} is neither a file nor a merge.`)
      const lender = await openModel(this.tools.base, this.tools)
      const options = { ...readingOf(this.tools), strengths }
      const checkpoint = await openSpecialist(path, () => Promise.resolve(lender), options)
      return {
        model: checkpointModel(name, role, checkpoint, { base: lender, ...this.#loading }),
        cost: () => null,
      }
    }
    const plan = await planMerge(merge, this.#signal)
    let seconds: number | null = null
    const prepare: EvaluatedModel['prepare'] = async (pipeline) => {
      const started = performance.now()
      if (reasonAgainstFeeding(plan) === null) {
        await this.#network!.live.feed(plan, { ...this.#signal, onContributions: onMerging })
        seconds = (performance.now() - started) / 1000
        return pipeline
      }
      const made = await this.#written.write(plan, onMerging)
      seconds = (performance.now() - started) / 1000
      return this.#writtenModel(plan, made).prepare(pipeline)
    }
    return { model: { name, role, prepare }, cost: () => seconds }
  }

  #writtenModel({ components }: MergePlan, path: string): EvaluatedModel {
    const denoiserAlone = components.every(isDenoiser)
    const opened = openModel(path)
    if (denoiserAlone)
      return liveModel('', 'merge', async (inputs) => {
        return readUnetWeights(await opened, inputs)
      })
    return {
      name: '',
      role: 'merge',
      prepare: async (pipeline) =>
        checkpointModel('', 'merge', await opened, {
          base: await openModel(this.tools.base, this.tools),
          ...this.#loading,
        }).prepare(pipeline),
    }
  }

  get #loading() {
    const { clipVocabulary, threads } = this.tools
    return { clipVocabulary, ...(threads !== undefined && { threads }) }
  }

  get #signal(): { signal?: AbortSignal } {
    const { signal } = this.tools
    return signal ? { signal } : {}
  }
}
