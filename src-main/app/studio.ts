import { dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { CommandInput } from '../contract/protocol/commands'
import type { TaskOf } from '../contract/protocol/compute-tasks'
import { FusionError } from '../contract/errors'
import type { Project } from '../contract/document/project'
import { makePrivate } from '../engine/files/writing/permissions'
import { chooseDevice, type ProviderStatus } from '../engine/runtime/providers'
import { Cache } from '../project/cache'
import { ComputeSupervisor, type ComputeChild } from './jobs/compute-supervisor'
import { ShippedPictures } from './models/card-pictures'
import { LibraryHashes } from './models/library-hashes'
import { ModelCards } from './models/model-cards'
import { ModelFiles } from './models/model-files'
import { DataLock } from './files/data-lock'
import { Evaluations } from './evaluation/evaluations'
import { ProjectHistory } from './history/project-history'
import { EventHub } from './event-hub'
import { Inspections } from './inspections'
import { JobQueue } from './jobs/job-queue'
import { Log } from './log'
import { LivePreviews } from './previews/live-previews'
import type { PathAccess } from './files/path-access'
import { Drawings } from './previews/drawings'
import { PreviewHistory } from './previews/preview-history'
import { demoProject } from '../project/demo-project'
import { evaluationFolder, noData, ownDataFolder } from '../project/evaluation-folder'
import { pathsOf, pathsRead } from '../contract/document/names/project-paths'
import { isProjectPath } from '../contract/document/names/model-names'
import { readProject } from '../engine/merge/chains/project-file'
import { ProjectStore } from './project-store'
import { SettingsStore } from './settings'
import { ComputeJobs } from './jobs/compute-jobs'
import { DATA_FILES } from './files/data-files'

/** What only a host can do. */
export interface Host {
  kind: 'desktop' | 'serve'
  access: PathAccess
  fork: () => ComputeChild
  dialog(purpose: DialogPurpose, suggested: string | undefined, title: string | undefined): Promise<string[]>
  showInFolder(path: string): void
  openExternal(url: string): Promise<void>
}

export type DialogPurpose = CommandInput<'files.dialog'>['purpose']

export interface StudioOptions {
  host: Host
  /** Project, settings, history and log lie here. */
  dataFolder: string
  /** For results that can be computed again, unless the settings name another place. */
  cacheFolder: string
  /** The shipped family. */
  demoFolder: string
  version: string
}

export type ProviderName = TaskOf<'export'>['provider']

/** What lies in the data folder, made by whichever version. */
const DATA_ENTRIES = [
  ...Object.values(DATA_FILES),
  ...['autosave.json', 'recent.json', 'settings.json'],
  ...['studio.log', 'studio.log.old', 'window.json'],
]
/** For the document's last write. */
const CLOSE_LIMIT_MS = 3000
const HOLDERS: Readonly<Record<Host['kind'], string>> = { desktop: 'the desktop program', serve: 'featurefusion serve' }
const LOCK_HINTS: Readonly<Record<Host['kind'], string>> = {
  desktop: 'End that one first, or go on in it.',
  serve: 'Go on in that one, end it first, or give this one a folder of its own: --data FOLDER.',
}

/** The program's state, for both hosts: everything that handlers work with. */
export class Studio {
  readonly queue: JobQueue
  readonly compute: ComputeSupervisor
  readonly jobs: ComputeJobs
  readonly live: LivePreviews
  readonly drawings: Drawings
  readonly evaluations: Evaluations
  readonly inspections: Inspections
  readonly projectHistory: ProjectHistory
  readonly libraryHashes: LibraryHashes
  readonly modelCards: ModelCards
  readonly modelFiles: ModelFiles
  private readonly shipped: ShippedPictures

  private constructor(
    readonly options: StudioOptions,
    private readonly lock: DataLock,
    readonly events: EventHub,
    readonly log: Log,
    readonly settings: SettingsStore,
    readonly project: ProjectStore,
    readonly history: PreviewHistory,
  ) {
    this.queue = new JobQueue(events.emit)
    this.compute = new ComputeSupervisor({
      fork: options.host.fork,
      onState: (compute) => events.emit({ type: 'compute', compute }),
      log: (level, message) => log.add(level, message),
      lowPriority: () => settings.value.lowPriority,
    })
    this.jobs = new ComputeJobs(this.queue, this.compute, log, () => this.trimCache())
    this.live = new LivePreviews(this)
    this.drawings = new Drawings(this)
    this.libraryHashes = new LibraryHashes(this)
    this.shipped = new ShippedPictures(options.demoFolder)
    this.modelCards = new ModelCards(this, this.shipped)
    this.modelFiles = new ModelFiles(this, () => this.modelCards.renew())
    this.evaluations = new Evaluations(this, join(options.dataFolder, DATA_FILES.evaluations))
    this.inspections = new Inspections(this, join(options.dataFolder, DATA_FILES.inspection))
    this.projectHistory = new ProjectHistory(this, join(options.dataFolder, DATA_FILES.history))
  }

  /** @throws FusionError 'target' where another program uses the data folder */
  static async open(options: StudioOptions): Promise<Studio> {
    const { dataFolder, host } = options
    const lock = await DataLock.acquire(dataFolder, HOLDERS[host.kind], { hint: LOCK_HINTS[host.kind] })
    try {
      for (const name of DATA_ENTRIES) makePrivate(join(dataFolder, name))
      const events = new EventHub()
      const log = new Log(join(dataFolder, 'studio.log'), events.emit)
      const settings = await SettingsStore.open(join(dataFolder, 'settings.json'), events.emit, {
        access: host.access,
        warn: (message) => log.add('warning', message),
      })
      const project = await ProjectStore.open(dataFolder, events.emit)
      const history = await PreviewHistory.open(join(dataFolder, DATA_FILES.pictures))
      const studio = new Studio(options, lock, events, log, settings, project, history)
      studio.cache.makePrivate()
      await Promise.all([studio.evaluations.open(), studio.inspections.open()])
      return studio
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  get host(): Host {
    return this.options.host
  }

  /** Folder of the demo's pictures that were drawn in advance. */
  get shippedPictures(): string {
    return this.shipped.folder
  }

  get cache(): Cache {
    return new Cache(this.settings.value.cacheFolder ?? this.options.cacheFolder)
  }

  /** What computes, by the settings. @throws FusionError 'device' where the chosen one does not work */
  device(): Promise<ProviderStatus> {
    return chooseDevice(this.settings.value.device)
  }

  /** Its execution provider. @throws FusionError 'device' */
  async provider(): Promise<ProviderName> {
    return (await this.device()).provider
  }

  /** @throws FusionError 'validation' where the project names a path that may not be used */
  readonly checkPaths = async (project: Project): Promise<void> => {
    await Promise.all(pathsOf(project).map(this.checkPath))
  }

  readonly mayRead = (path: string): Promise<boolean> =>
    this.checkPath(path).then(
      () => true,
      () => false,
    )

  /** The absolute path, if the project may name it. @throws FusionError 'validation' */
  readonly checkPath = async (path: string): Promise<string> => {
    const absolute = await this.checkOwnPath(path)
    await this.checkModelsBehind(absolute)
    return absolute
  }

  private async checkOwnPath(path: string): Promise<string> {
    const absolute = resolve(path)
    // The settings may have named another cache since the project was saved.
    const caches = [this.cache, new Cache(this.options.cacheFolder)]
    const isOwn = caches.some(({ calibrations }) => dirname(absolute) === resolve(calibrations))
    return isOwn ? absolute : this.host.access.check(path)
  }

  /** A project that is used as a model names files of its own. @throws FusionError 'validation' */
  private async checkModelsBehind(path: string, seen = new Set<string>()): Promise<void> {
    if (!isProjectPath(path) || seen.has(path)) return
    seen.add(path)
    // One that cannot be read says so when it is opened.
    const project = await readProject(path).catch(() => null)
    for (const inner of project ? pathsRead(project) : [])
      await this.checkModelsBehind(await this.checkOwnPath(inner), seen)
  }

  /** The shipped project, as a document that has no file. */
  async openDemo(): Promise<void> {
    this.project.replace(await demoProject(this.options.demoFolder), { title: 'Demo', label: 'Open the demo project' })
  }

  /** A cache that cannot be tidied up is no reason for a job to fail. */
  private async trimCache(): Promise<void> {
    await this.cache.trim(this.settings.value.cacheLimitBytes).catch((error: unknown) => {
      this.log.add('warning', `The cache could not be trimmed: ${String(error)}`)
    })
  }

  /** The project, if it has models. @throws FusionError 'validation' */
  projectWithModels(): Project {
    const { project } = this.project.state
    if (project.models.length > 0) return project
    throw new FusionError('validation', 'The project has no models.', {
      hint: 'Add a base and at least one specialist.',
    })
  }

  /**
   * The project, if it has models and what a merge of it reads may be read: it may have been restored from a session that
   * was allowed other folders.
   * @throws FusionError 'validation'
   */
  async readableProject(): Promise<Project> {
    const project = this.projectWithModels()
    await this.checkMerge(project)
    return project
  }

  /** @throws FusionError 'validation' where a merge would read what may not be read */
  readonly checkMerge = async (merge: Pick<Project, 'models' | 'method' | 'output'>): Promise<void> => {
    for (const path of pathsRead(merge)) await this.checkPath(path)
  }

  /** The folder of a project's evaluation data. @throws FusionError 'validation' where there is none, or it may not be read */
  readonly dataFolder = async (project: Project): Promise<string> => {
    const own = ownDataFolder(project)
    if (own !== null && !(await this.mayRead(own))) throw noData()
    return this.host.access.check(evaluationFolder(project))
  }

  /** Ends what runs, for good, and writes what is not written yet; a disk that does not answer is not waited for. */
  async close(): Promise<void> {
    this.queue.cancelAll()
    this.libraryHashes.start([])
    this.modelCards.stop()
    this.modelFiles.stop()
    this.compute.close()
    const written = Promise.all([this.project.close(), this.projectHistory.flush(), this.log.flush()]).then(() =>
      this.lock.release(),
    )
    await Promise.race([written, delay(CLOSE_LIMIT_MS, undefined, { ref: false })])
  }
}
