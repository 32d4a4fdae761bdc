import { existsSync } from 'node:fs'
import { freemem } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isProjectPath } from '../../contract/document/model-names'
import { readingOf, type ModelEntry, type Project } from '../../contract/document/project'
import { FusionError, toErrorReport } from '../../contract/errors'
import type { ModelCard, ModelPicture } from '../../contract/model-cards'
import type { Adapter } from '../../engine/adapters/adapter-file'
import { hashFiles } from '../../engine/checkpoint/hash'
import type { SourceFile } from '../../engine/checkpoint/containers/container'
import type { Checkpoint } from '../../engine/checkpoint/model/checkpoint'
import { thumbnailOf } from '../../engine/library/thumbnails'
import { openEither } from '../../engine/merge/open-model'
import type { ProviderStatus } from '../../engine/runtime/providers'
import type { Cache } from '../../project/cache'
import type { EventHub } from '../event-hub'
import { CARDS_URL } from '../files/interface-files'
import type { ComputeSupervisor } from '../jobs/compute-supervisor'
import type { JobQueue } from '../jobs/job-queue'
import type { Log } from '../log'
import {
  cardSettings,
  drawingTask,
  hindrance,
  modelKey,
  pictureKey,
  type CardSettings,
  type HashedModel,
  type ShippedPictures,
} from './card-pictures'
import { knownModelHashes, modelHash } from './model-hash'

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
    const cards = await Promise.all(project.models.map((entry) => this.atOnce(entry, project, settings)))
    if (signal.aborted) return
    this.take(cards)
    await delay(SETTLE_MS)
    for (const [index, entry] of project.models.entries()) {
      if (signal.aborted) return
      try {
        const card = await this.drawn(entry, project, settings, signal)
        if (card && !signal.aborted) this.take(this.cards.with(index, card))
      } catch (error) {
        if (signal.aborted) return
        const { message } = toErrorReport(error)
        this.program.log.add('info', `No picture of ${entry.name}: ${message}`)
        const { picture } = cards[index]!
        if (picture.source === 'waiting') {
          this.take(this.cards.with(index, { ...cards[index]!, picture: { source: 'none', reason: message } }))
        }
      }
    }
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
    const drawn = settings && hashed && this.pictureThere(hashed, settings)
    if (drawn) return { path, sha256, picture: drawn }
    const url = settings && (await this.shipped.urlOf(entry, project, settings))
    if (settings && url) return { path, sha256, picture: { source: 'shipped', url, prompt: settings.prompt } }
    const opened = await this.open(path).catch(() => null)
    const beside = opened && (await thumbnailOf(path, opened.metadata))
    if (beside) return { path, sha256, picture: { source: 'beside', path: beside } }
    const isDrawable = opened && settings && !isProjectPath(path)
    return { path, sha256, picture: isDrawable ? WAITING : { source: 'none', reason: null } }
  }

  /** The card with a picture that the model has drawn; null where it draws none. @throws what drawing throws */
  private async drawn(
    entry: ModelEntry,
    project: Project,
    settings: CardSettings | null,
    signal: AbortSignal,
  ): Promise<ModelCard | null> {
    const { path } = entry
    const base = project.models[0]!.path
    if (!settings || [path, base].some(isProjectPath)) return null
    const [opened, openedBase] = [await this.open(path), await this.open(base)]
    const why = hindrance(opened, openedBase)
    if (why !== null) throw new FusionError('unsupported', why)
    const files = [...opened.files, ...openedBase.files]
    if (MEMORY_PER_BYTE * bytesOf(files) > freemem())
      throw new FusionError(
        'out-of-memory',
        'Not drawn in the background: it would take most of the memory that is free.',
      )
    return this.program.queue.idle(async (cut) => {
      const { cache, compute } = this.program
      const options = { cacheFolder: cache.folder, signal: cut }
      const hashes = await hashFiles(files, options)
      const hashOf = ({ files }: Pick<Checkpoint | Adapter, 'files'>): string =>
        modelHash(files.map((file) => ({ sha256: hashes.get(file.path)! })))!
      const sha256 = hashOf(opened)
      const hashed: HashedModel = { sha256, baseSha256: hashOf(openedBase), entry, project }
      const there = this.pictureThere(hashed, settings)
      if (there) return { path, sha256, picture: there }
      const device = await this.program.device()
      await compute.run({ ...drawingTask(hashed, settings, this.fileOf(hashed, settings)), device }, { signal: cut })
      return { path, sha256, picture: this.pictureThere(hashed, settings) ?? { source: 'none', reason: null } }
    }, signal)
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
    const baseSha256 = await this.knownHash(project.models[0]!.path)
    return baseSha256 === undefined ? null : { sha256, baseSha256, entry, project }
  }

  private fileOf(model: HashedModel, settings: CardSettings): string {
    return join(this.program.cache.cards, `${pictureKey(modelKey(model), settings)}.png`)
  }

  private pictureThere(model: HashedModel, settings: CardSettings): ModelPicture | null {
    const file = this.fileOf(model, settings)
    const url = `${CARDS_URL}${pictureKey(modelKey(model), settings)}.png`
    return existsSync(file) ? { source: 'drawn', url, prompt: settings.prompt } : null
  }
}

function bytesOf(files: readonly SourceFile[]): number {
  return [...new Map(files.map((file) => [file.path, file.size])).values()].reduce((sum, size) => sum + size, 0)
}
