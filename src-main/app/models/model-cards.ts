import { existsSync } from 'node:fs'
import { freemem } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isProjectPath } from '../../contract/document/names/model-names'
import { readingOf, type ModelEntry, type Project } from '../../contract/document/project'
import { FusionError, toErrorReport } from '../../contract/errors'
import { ancestrySchema, type Ancestry, type ModelCard, type ModelPicture } from '../../contract/model-cards'
import { distinctBy } from '../../contract/values/distinct-by'
import type { Adapter } from '../../engine/adapters/adapter-file'
import { hashFiles } from '../../engine/checkpoint/hash'
import type { SourceFile } from '../../engine/checkpoint/containers/container'
import type { Checkpoint } from '../../engine/checkpoint/model/checkpoint'
import { thumbnailOf } from '../../engine/library/thumbnails'
import { openEither } from '../../engine/merge/open-model'
import type { ProviderStatus } from '../../engine/runtime/providers'
import type { Cache } from '../../project/cache'
import type { EventHub } from '../event-hub'
import { readJsonFile, writeJsonFile } from '../files/json-file'
import { CARDS_URL } from '../files/interface-files'
import type { ComputeSupervisor } from '../jobs/compute-supervisor'
import type { JobQueue } from '../jobs/job-queue'
import type { Log } from '../log'
import {
  ancestryTask,
  cardSettings,
  drawingTask,
  hindrance,
  modelKey,
  pictureKey,
  type CardSettings,
  type HashedModel,
  type ShippedPictures,
} from './card-pictures'
import { knownModelHashes, modelHash, settingsHash } from './model-hash'

/** What cards need of the program. */
interface CardsHost {
  readonly events: EventHub
  readonly queue: JobQueue
  readonly compute: ComputeSupervisor
  readonly cache: Cache
  readonly log: Pick<Log, 'add'>
  readonly project: { state: { project: Project } }
  readonly mayRead: (path: string) => Promise<boolean>
  /** @throws FusionError 'device' */
  device(): Promise<ProviderStatus>
}

/** A project changes with every move of a slider: what has stayed for so long is looked at. */
const SETTLE_MS = 300

/** Of weights as files hold them: networks in float32, and the file (architecture.md, 'ONNX Runtime, as seen here'). */
const MEMORY_PER_BYTE = 3

const WAITING: ModelPicture = { source: 'waiting' }

/**
 * What the cards of the project's models show. Pictures that are not there are drawn one after another while nothing
 * else is done; they are known by the hashes of the weights that draw them, wherever these lie.
 */
export class ModelCards {
  private cards: ModelCard[] = []
  private shownFor = ''
  private run = new AbortController()
  /** Whether anybody looks at them. */
  private wanted = false

  constructor(
    private readonly program: CardsHost,
    private readonly shipped: ShippedPictures,
  ) {
    program.events.listen(({ event }) => {
      if (event.type === 'project' && this.wanted) this.follow()
    })
  }

  /** Those of the project as it is, as far as they are known; from now on they are completed. */
  show(): ModelCard[] {
    this.wanted = true
    this.follow()
    const paths = new Set(this.program.project.state.project.models.map(({ path }) => path))
    return this.cards.filter(({ path }) => paths.has(path))
  }

  /** Looks at the models anew: their files have changed. */
  renew(): void {
    this.shownFor = ''
    if (this.wanted) this.follow()
  }

  /** Gives up what is to be drawn. */
  stop(): void {
    this.wanted = false
    this.run.abort()
  }

  private follow(): void {
    const { project } = this.program.project.state
    const key = JSON.stringify([
      project.models.map(({ path, strengths }) => [path, strengths]),
      readingOf(project),
      cardSettings(project),
    ])
    if (key === this.shownFor) return
    this.shownFor = key
    this.run.abort()
    this.run = new AbortController()
    void this.complete(project, this.run.signal)
  }

  private async complete(project: Project, signal: AbortSignal): Promise<void> {
    const settings = cardSettings(project)
    await this.takeShipped(project, settings, signal)
    const cards = await Promise.all(project.models.map((entry) => this.atOnce(entry, project, settings)))
    if (signal.aborted) return
    this.take(cards)
    await delay(SETTLE_MS)
    for (const [index, entry] of project.models.entries()) {
      await this.completeOne(index, entry, project, settings, signal).catch((error: unknown) => {
        if (signal.aborted) return
        const { message } = toErrorReport(error)
        this.program.log.add('info', `The card of ${entry.name}: ${message}`)
        if (this.cards[index]!.picture.source === 'waiting')
          this.update(index, { picture: { source: 'none', reason: message } })
      })
      if (signal.aborted) return
    }
  }

  /** Where nothing was drawn yet, pictures that need no look at a model come before all else. */
  private async takeShipped(project: Project, settings: CardSettings | null, signal: AbortSignal): Promise<void> {
    if (!settings || existsSync(this.program.cache.cards)) return
    const { prompt } = settings
    const cards = await Promise.all(
      project.models.map(async (entry): Promise<ModelCard> => {
        const url = await this.shipped.urlOf(entry, project, settings)
        const picture: ModelPicture = url === null ? WAITING : { source: 'shipped', url, prompt }
        return { path: entry.path, sha256: null, ancestry: null, picture }
      }),
    )
    if (!signal.aborted && cards.some(({ picture }) => picture !== WAITING)) this.take(cards)
  }

  /** Hashes, compares and draws a model, as far as that is not known. @throws what that throws */
  private async completeOne(
    index: number,
    entry: ModelEntry,
    project: Project,
    settings: CardSettings | null,
    signal: AbortSignal,
  ): Promise<void> {
    const base = project.models[0]!.path
    if ([entry.path, base].some(isProjectPath)) return
    const [opened, openedBase] = [await this.open(entry.path), await this.open(base)]
    const { queue, compute } = this.program
    const hashed = await queue.idle((cut) => this.hashed(opened, openedBase, { entry, project }, cut), signal)
    if (signal.aborted) return
    this.update(index, { sha256: hashed.sha256 })
    if (index > 0 && !this.cards[index]!.ancestry) {
      const task = ancestryTask(hashed)
      const measure = async (cut: AbortSignal): Promise<Ancestry> =>
        (await this.ancestryThere(hashed)) ?? (await compute.run(task, { signal: cut })).ancestry
      // A model that does not fit says so itself.
      const ancestry = await queue.idle(measure, signal).catch(() => null)
      if (signal.aborted) return
      this.update(index, { ancestry })
      if (ancestry) await writeJsonFile(this.ancestryFile(hashed), ancestry)
    }
    const source = this.cards[index]!.picture.source
    if (!settings || source === 'drawn') return
    const why = hindrance(opened, openedBase)
    if (why !== null) throw new FusionError('unsupported', why)
    if (MEMORY_PER_BYTE * bytesOf([...opened.files, ...openedBase.files]) > freemem())
      throw new FusionError('out-of-memory', 'Not drawn in the background: it would take most of the free memory.')
    const picture = await queue.idle(async (cut) => {
      const there = this.pictureThere(hashed, settings)
      if (there) return there
      const device = await this.program.device()
      await compute.run({ ...drawingTask(hashed, settings, this.fileOf(hashed, settings)), device }, { signal: cut })
      return this.pictureThere(hashed, settings)
    }, signal)
    if (picture && !signal.aborted) this.update(index, { picture })
  }

  private async hashed(
    opened: Checkpoint | Adapter,
    openedBase: Checkpoint | Adapter,
    of: Pick<HashedModel, 'entry' | 'project'>,
    signal: AbortSignal,
  ): Promise<HashedModel> {
    const files = [...opened.files, ...openedBase.files]
    const options = { cacheFolder: this.program.cache.folder, signal }
    const hashes = await hashFiles(files, options)
    const hashOf = ({ files }: Pick<Checkpoint | Adapter, 'files'>): string =>
      modelHash(files.map((file) => ({ sha256: hashes.get(file.path)! })))!
    const settingsSha256 = await settingsHash([opened.path, openedBase.path], options)
    return { ...of, sha256: hashOf(opened), baseSha256: hashOf(openedBase), settingsSha256 }
  }

  private update(index: number, change: Partial<ModelCard>): void {
    this.take(this.cards.with(index, { ...this.cards[index]!, ...change }))
  }

  private take(cards: ModelCard[]): void {
    this.cards = cards
    this.program.events.emit({ type: 'model-cards', cards })
  }

  /** What is known without reading weights. */
  private async atOnce(entry: ModelEntry, project: Project, settings: CardSettings | null): Promise<ModelCard> {
    const { path } = entry
    const sha256 = (await this.knownHash(path)) ?? null
    const hashed = sha256 !== null && (await this.withBase(entry, project, sha256))
    const ancestry = hashed && project.models[0] !== entry ? await this.ancestryThere(hashed) : null
    return { path, sha256, ancestry, picture: await this.pictureAtOnce(entry, project, settings, hashed || null) }
  }

  private async pictureAtOnce(
    entry: ModelEntry,
    project: Project,
    settings: CardSettings | null,
    hashed: HashedModel | null,
  ): Promise<ModelPicture> {
    const { path } = entry
    const drawn = settings && hashed && this.pictureThere(hashed, settings)
    if (drawn) return drawn
    const url = settings && (await this.shipped.urlOf(entry, project, settings))
    if (settings && url) return { source: 'shipped', url, prompt: settings.prompt }
    const opened = await this.open(path).catch(() => null)
    const beside = opened && (await thumbnailOf(path, opened.metadata))
    if (beside) return { source: 'beside', path: beside }
    return opened && settings && !isProjectPath(path) ? WAITING : { source: 'none', reason: null }
  }

  private async open(path: string): Promise<Checkpoint | Adapter> {
    if (await this.program.mayRead(path)) return openEither(path)
    throw new FusionError('validation', 'Its file may not be read.')
  }

  private async knownHash(path: string): Promise<string | undefined> {
    if (!(await this.program.mayRead(path))) return undefined
    return (await knownModelHashes([path], this.program.cache.folder)).get(path)
  }

  private async withBase(entry: ModelEntry, project: Project, sha256: string): Promise<HashedModel | null> {
    const base = project.models[0]!.path
    const baseSha256 = await this.knownHash(base)
    if (baseSha256 === undefined) return null
    const options = { cacheFolder: this.program.cache.folder }
    // Settings that cannot be read are told of when the model is drawn.
    const settingsSha256 = await settingsHash([entry.path, base], options).catch(() => undefined)
    return settingsSha256 === undefined ? null : { sha256, baseSha256, settingsSha256, entry, project }
  }

  private fileOf(model: HashedModel, settings: CardSettings): string {
    return join(this.program.cache.cards, `${pictureKey(modelKey(model), settings)}.png`)
  }

  private ancestryFile(model: HashedModel): string {
    return join(this.program.cache.cards, `${modelKey(model)}.json`)
  }

  private ancestryThere(model: HashedModel): Promise<Ancestry | null> {
    return readJsonFile(this.ancestryFile(model), ancestrySchema)
  }

  private pictureThere(model: HashedModel, settings: CardSettings): ModelPicture | null {
    const file = this.fileOf(model, settings)
    const url = `${CARDS_URL}${pictureKey(modelKey(model), settings)}.png`
    return existsSync(file) ? { source: 'drawn', url, prompt: settings.prompt } : null
  }
}

function bytesOf(files: readonly SourceFile[]): number {
  return distinctBy(files, ({ path }) => path).reduce((sum, { size }) => sum + size, 0)
}
