import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ComputeEvent } from '../../contract/protocol/compute'
import { FusionError, toErrorReport } from '../../contract/errors'
import type { Job, JobResult } from '../../contract/jobs'
import { reweightingOf } from '../../contract/methods/descriptor'
import { describedMethod } from '../../contract/methods/index'
import type { LiveState } from '../../contract/preview'
import type { Project } from '../../contract/document/project'
import { LIVE_URL } from '../files/interface-files'
import { planLive, type LivePlan } from './preview-plan'
import type { ProviderStatus } from '../../engine/runtime/providers'
import type { Cache } from '../../project/cache'
import type { EventHub } from '../event-hub'
import type { ComputeSupervisor } from '../jobs/compute-supervisor'
import type { JobContext, JobQueue } from '../jobs/job-queue'
import type { ProjectStore } from '../project-store'

/** At most 60 events per second. */
const EMIT_MS = 16
/** Drafts that take less than this are finished while a slider moves: the grid follows the hand, a little behind it. */
const FOLLOW_SECONDS = 1.5
/** A step of a large network takes seconds, and what it holds is worth waiting for. */
const CANCEL_GRACE_MS = 60_000

const OFF: LiveState = {
  stage: 'off',
  progress: 0,
  feeding: null,
  contributions: null,
  summed: null,
  seconds: null,
  steps: 0,
  pictures: [],
  current: true,
  error: null,
}

/** What live previews need of the program. */
export interface LivePreviewHost {
  readonly events: EventHub
  readonly queue: JobQueue
  readonly compute: ComputeSupervisor
  readonly project: ProjectStore
  readonly cache: Cache
  /** The project, if what a merge of it reads may be read. @throws FusionError 'validation' */
  readableProject(): Promise<Project>
  /** @throws FusionError 'device' */
  device(): Promise<ProviderStatus>
}

/** One state of the project that is drawn, or waits to be. */
interface Run extends LivePlan {
  folder: string
  /** When the project changed to this. */
  since: number
}

/** The one job that draws; it takes the latest state when its turn comes. */
interface Drawing {
  job: string
  /** null while it is queued. */
  run: Run | null
  /** When its weights began to be summed: what comes before is loaded once. */
  summedAt: number
  isDrafted: boolean
  /** Whether this program ended it, for a newer state or because live previews were turned off. */
  isCut: boolean
}

/**
 * Pictures that follow the project while it changes: the latest state wins. What is drawn of an older one is cut at its
 * next step, except contributions, which serve every state, and a draft that takes a moment.
 */
export class LivePreviews {
  private current: LiveState = OFF
  private wanted: Run | null = null
  /** The base of what is shown, or wanted. */
  private base: string | undefined
  private drawing: Drawing | null = null
  /** Whose pictures are shown. */
  private shown: Run | null = null
  /** From the summing of weights to the whole draft, the last time. */
  private draftSeconds = Infinity
  private requests = 0
  private timer: NodeJS.Timeout | null = null

  constructor(private readonly program: LivePreviewHost) {
    program.events.listen(({ event }) => {
      if (event.type === 'project' && this.on) void this.request()
    })
  }

  get state(): LiveState {
    return this.current
  }

  private get on(): boolean {
    return this.current.stage !== 'off'
  }

  /** @throws FusionError 'validation' where there is nothing to show */
  async set(on: boolean): Promise<LiveState> {
    if (on === this.on) return this.current
    if (!on) return this.turnOff()
    await this.program.readableProject()
    this.program.compute.keepWhenIdle(true)
    // It would take the place of the network that is loaded.
    this.program.queue.pauseIdle(true)
    await rm(this.program.cache.live, { recursive: true, force: true })
    this.change({ stage: 'waiting' })
    await this.request()
    return this.current
  }

  private turnOff(): LiveState {
    this.program.compute.keepWhenIdle(false)
    this.program.queue.pauseIdle(false)
    this.wanted = null
    this.shown = null
    this.current = OFF
    this.cut()
    this.emit()
    return OFF
  }

  /** The project may have changed: draws it, if what it shows has. */
  private async request(): Promise<void> {
    const request = ++this.requests
    const { cache } = this.program
    const since = performance.now()
    const folder = `${Date.now().toString(36)}-${request}`
    const places = { merges: cache.merges, pictureFile: (id: string) => join(cache.live, folder, `${id}.png`) }
    this.clearOfAnother()
    try {
      // It tells the change of the project, which asks for this again.
      if (this.keepContributions()) return
      const plan = await planLive(await this.program.readableProject(), places)
      if (request !== this.requests || !this.on || plan.key === this.wanted?.key) return
      this.wanted = { ...plan, folder, since }
      this.change({ current: false, error: null })
      if (!this.drawing) this.start()
      else if (this.drawing.run && !this.isNearlyDrafted) this.cut()
    } catch (error) {
      if (request === this.requests && this.on) this.change({ error: toErrorReport(error), stage: 'waiting' })
    }
  }

  /** Pictures of one family are none of another's. */
  private clearOfAnother(): void {
    const base = this.program.project.state.project.models[0]?.path
    if (base === this.base) return
    this.base = base
    this.wanted = null
    this.shown = null
    this.change({ pictures: [], steps: 0, summed: null, seconds: null, current: false })
  }

  /**
   * What is seen is what is exported: both are made from contributions while pictures are live, whichever project is
   * open and whatever is undone.
   * @returns whether the project has changed by it
   */
  private keepContributions(): boolean {
    const { project } = this.program
    const { method, models } = project.state.project
    if (models.length === 0 || method.reuse || reweightingOf(describedMethod(method.name)) !== 'contributions')
      return false
    project.keepContributions()
    return true
  }

  /** Whether what is drawn of an older state is finished first. */
  private get isNearlyDrafted(): boolean {
    if (this.current.stage === 'contributions') return true
    return this.draftSeconds < FOLLOW_SECONDS && !this.drawing?.isDrafted
  }

  /** Ends what is drawn; what is wanted then begins. */
  private cut(): void {
    if (!this.drawing) return
    this.drawing.isCut = true
    this.program.queue.cancel(this.drawing.job)
  }

  private start(): void {
    this.change({ stage: 'waiting', progress: 0 })
    const drawing: Drawing = { job: '', run: null, summedAt: 0, isDrafted: false, isCut: false }
    // The queue may begin, and end, the job before it gives its id.
    this.drawing = drawing
    const { id } = this.program.queue.add({
      kind: 'live',
      title: 'Live preview',
      run: (context) => this.draw(drawing, context),
      onEnd: (job) => this.ended(drawing, job),
    })
    drawing.job = id
  }

  private async draw(drawing: Drawing, { signal, report }: JobContext): Promise<JobResult> {
    const { wanted: run } = this
    if (!run) throw new FusionError('cancelled', 'Cancelled.')
    drawing.run = run
    drawing.summedAt = performance.now()
    try {
      const { cache, compute } = this.program
      const device = await this.program.device()
      const task = { type: 'live', ...run.task, device, cacheFolder: cache.folder } as const
      const onEvent = (event: ComputeEvent): void => {
        if (event.type === 'progress') report(event.phase, event.fraction)
        this.take(run, event)
      }
      return await compute.run(task, { signal, onEvent, cancelGraceMs: CANCEL_GRACE_MS })
    } catch (error) {
      if (!(error instanceof FusionError && error.kind === 'cancelled') && this.on) {
        this.change({ error: toErrorReport(error), stage: 'waiting' })
      }
      throw error
    }
  }

  /** However it ended, and also where its turn never came. */
  private ended(drawing: Drawing, job: Job): void {
    if (this.drawing === drawing) this.drawing = null
    // A slider makes a hundred of them: the list keeps those that failed.
    if (job.state !== 'failed') this.program.queue.dismiss(job.id)
    if (!this.on) return
    if (job.state === 'cancelled' && !drawing.isCut) this.turnOff()
    else if (this.wanted && this.wanted !== drawing.run) this.start()
    else if (!this.current.error) this.change({ stage: 'shown', current: true })
  }

  private take(run: Run, event: ComputeEvent): void {
    if (!this.on) return
    switch (event.type) {
      case 'progress':
        if (event.phase === 'summing' && event.fraction === 0 && this.drawing) this.drawing.summedAt = performance.now()
        return this.change({ stage: stageOf(event.phase), progress: event.fraction })
      case 'feeding':
        return this.change({ feeding: event.feeding })
      case 'contributions':
        return this.change({ contributions: { bytes: event.bytes, missingBytes: event.missingBytes } })
      case 'summed':
        return this.change({ summed: { tensors: event.tensors, of: event.of, seconds: event.seconds } })
      case 'picture':
        return this.show(run, event.id)
      default:
        return
    }
  }

  /** Takes a picture in; the first one of a state or of a number of steps clears the grid of what was there. */
  private show(run: Run, id: string): void {
    const [index, steps] = id.split('-').map(Number) as [number, number]
    const before = this.shown
    const sameGrid = before === run && this.current.steps === steps
    const pictures = sameGrid ? [...this.current.pictures] : run.places.map((place) => ({ ...place, url: null }))
    pictures[index] = { ...run.places[index]!, url: `${LIVE_URL}${run.folder}/${id}.png` }
    const isWhole = pictures.every(({ url }) => url !== null)
    const isFirst = steps === run.task.stages[0]![0]!.steps
    this.shown = run
    if (isWhole && isFirst) this.drafted(run)
    this.change({
      pictures,
      steps,
      current: run === this.wanted,
      ...(isWhole && isFirst && { seconds: (performance.now() - run.since) / 1000 }),
    })
    if (before && before !== run)
      void rm(join(this.program.cache.live, before.folder), { recursive: true, force: true })
  }

  /** A draft is seen: what a newer state waited for. */
  private drafted(run: Run): void {
    if (this.drawing?.run !== run) return
    this.drawing.isDrafted = true
    this.draftSeconds = (performance.now() - this.drawing.summedAt) / 1000
    if (run !== this.wanted) this.cut()
  }

  private change(changed: Partial<LiveState>): void {
    this.current = { ...this.current, ...changed }
    this.timer ??= setTimeout(() => this.emit(), EMIT_MS)
  }

  private emit(): void {
    if (this.timer) clearTimeout(this.timer)
    this.timer = null
    this.program.events.emit({ type: 'live', live: this.current })
  }
}

function stageOf(phase: string): LiveState['stage'] {
  return phase === 'contributions' || phase === 'loading' || phase === 'summing' ? phase : 'drawing'
}
