import { join } from 'node:path'
import { exportKey } from '../../contract/document/export-key'
import type { Project } from '../../contract/document/project'
import { FusionError } from '../../contract/errors'
import { tablesOf } from '../../contract/grid/grid'
import type { Job } from '../../contract/jobs'
import { drawingRuns, type Picture, type PictureRun } from '../../contract/preview'
import type { ProviderStatus } from '../../engine/runtime/providers'
import type { Cache } from '../../project/cache'
import type { EventHub } from '../event-hub'
import { PICTURES_URL } from '../files/interface-files'
import type { ComputeJobs, JobEvent } from '../jobs/compute-jobs'
import type { ComputeSupervisor } from '../jobs/compute-supervisor'
import type { JobQueue } from '../jobs/job-queue'
import type { Log } from '../log'
import { soonKnownHashes } from '../models/model-hash'
import { DrawingSpeeds } from './drawing-speeds'
import { withOrigins } from './picture-text'
import type { PreviewHistory } from './preview-history'
import type { PreviewPlan } from './preview-plan'

/** What drawing needs of the program. */
export interface DrawingsHost {
  readonly jobs: ComputeJobs
  readonly queue: JobQueue
  readonly compute: ComputeSupervisor
  readonly events: EventHub
  readonly history: PreviewHistory
  readonly log: Log
  readonly cache: Cache
  readonly options: { readonly version: string }
  /** @throws FusionError 'device' */
  device(): Promise<ProviderStatus>
}

/** A run that is being drawn, or waits to be. */
interface DrawnRun {
  key: string
  job: Job
  run: PictureRun
}

/** Draws planned pictures, and keeps them in the history. */
export class Drawings {
  private active: DrawnRun[] = []
  private readonly speeds: DrawingSpeeds

  constructor(private readonly program: DrawingsHost) {
    this.speeds = new DrawingSpeeds(join(program.history.folder, 'speeds'))
  }

  /** Puts planned pictures on the queue, unless the same ones are there. */
  start(plan: PreviewPlan, title: string, of: Project): { job: Job; run: PictureRun; isNew: boolean } {
    const { jobs, events, history, log, queue } = this.program
    const open = new Map(queue.list().flatMap((job) => (job.endedAt === null ? [[job.id, job]] : [])))
    this.active = this.active.filter(({ job }) => open.has(job.id))
    const same = this.active.find(({ key }) => key === plan.key)
    if (same) return { job: open.get(same.job.id)!, run: same.run, isNew: false }
    const { job } = jobs.start({
      kind: 'preview',
      title,
      of: exportKey(of),
      task: () => this.taskOf(plan),
      onEvent: (event) => this.keep(plan, event),
    })
    const run = { ...plan.run, id: job.id, time: Date.now() }
    this.active.push({ key: plan.key, job, run })
    history.addRun(run).catch((error: unknown) => log.add('warning', `A run could not be kept: ${String(error)}`))
    events.emit({ type: 'picture-run', run })
    return { job, run, isNew: true }
  }

  /** How long a plan will take, in seconds; null before anything was drawn with its base. */
  forecast({ models, pictures }: PreviewPlan): Promise<number | null> {
    const runs = pictures.reduce((sum, picture) => sum + drawingRuns(1, picture), 0)
    return this.speeds.forecast(models[0]!.base, { merges: models.length, runs })
  }

  /**
   * A grid as one PNG among the pictures, in place of the one before.
   * @returns its name there
   * @throws FusionError 'not-found', 'validation' where nothing of it is drawn
   */
  async sheet(id: string): Promise<string> {
    const { history, queue, compute } = this.program
    const labels = history.run(id)?.grid
    if (!labels) throw new FusionError('not-found', `There is no grid ${id}.`)
    const drawn = history
      .list(undefined, Infinity)
      .flatMap(({ id: picture, job, cell }) =>
        job === id && cell !== null ? [{ place: cell, value: history.file(picture) }] : [],
      )
    // Another name for other contents: what has this name never changes.
    const name = `sheet-${id}-${drawn.length}`
    const task = { type: 'sheet' as const, labels, files: tablesOf(labels, drawn), target: history.file(name) }
    await queue.between(() => compute.run(task))
    history.addSheet(name)
    return name
  }

  private async taskOf({ models, pictures, planned, run }: PreviewPlan) {
    const { cache, options } = this.program
    const hashes = await soonKnownHashes(
      run.sources.map(({ path }) => path),
      cache.folder,
    )
    for (const { sources } of planned.values())
      for (const source of sources) source.sha256 = hashes.get(source.path) ?? null
    return {
      type: 'preview' as const,
      models,
      pictures: withOrigins(pictures, planned, hashes, options.version),
      device: await this.program.device(),
      cacheFolder: cache.folder,
    }
  }

  private keep({ planned, models }: PreviewPlan, { event, job }: JobEvent): void {
    const { history, events, log } = this.program
    if (event.type === 'drawn') void this.speeds.note(models[0]!.base, event)
    const known = event.type === 'picture' && planned.get(event.id)
    if (!known) return
    const { width, height } = event
    const picture: Picture = { ...known, job, time: Date.now(), width, height, url: `${PICTURES_URL}${known.id}.png` }
    history.add(picture).then(
      () => events.emit({ type: 'picture', picture }),
      (error: unknown) => log.add('error', `A picture could not be kept: ${String(error)}`),
    )
  }
}
