import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ComputeEvent } from '../../contract/compute'
import { FusionError, toErrorReport } from '../../contract/errors'
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
import type { JobQueue } from '../jobs/job-queue'
import type { ProjectStore } from '../project-store'

/** At most 60 events per second. */
const EMIT_MS = 16
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

/**
 * Pictures that follow the project while it changes: the latest state wins, what is drawn of an older one is cut at its
 * next step (contributions, which serve every state, are finished first).
 */
export class LivePreviews {
  private current: LiveState = OFF
  private wanted: Run | null = null
  private drawing: { run: Run; job: string } | null = null
  /** Whose pictures are shown. */
  private shown: Run | null = null
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
    this.program.compute.keepWhenIdle(on)
    if (!on) {
      this.wanted = null
      this.shown = null
      if (this.drawing) this.program.queue.cancel(this.drawing.job)
      this.current = OFF
      this.emit()
      return OFF
    }
    const { method } = await this.program.readableProject()
    await rm(this.program.cache.live, { recursive: true, force: true })
    this.change({ stage: 'waiting' })
    // What is seen is what is exported: both are made from contributions from now on.
    if (reweightingOf(describedMethod(method.name)) === 'contributions' && !method.reuse) {
      const edit = { type: 'set-method', method: { ...method, reuse: true } } as const
      this.program.project.edit([edit], 'Tune live')
    } else {
      await this.request()
    }
    return this.current
  }

  /** The project may have changed: draws it, if what it shows has. */
  private async request(): Promise<void> {
    const request = ++this.requests
    const { cache } = this.program
    const since = performance.now()
    const folder = `${Date.now().toString(36)}-${request}`
    const places = { merges: cache.merges, pictureFile: (id: string) => join(cache.live, folder, `${id}.png`) }
    try {
      const plan = await planLive(await this.program.readableProject(), places)
      if (request !== this.requests || !this.on || plan.key === this.wanted?.key) return
      this.wanted = { ...plan, folder, since }
      this.change({ current: false, error: null })
      if (!this.drawing) this.start(this.wanted)
      else if (this.current.stage !== 'contributions') this.program.queue.cancel(this.drawing.job)
    } catch (error) {
      if (request === this.requests && this.on) this.change({ error: toErrorReport(error), stage: 'waiting' })
    }
  }

  private start(run: Run): void {
    const { queue } = this.program
    this.change({ stage: 'waiting', progress: 0 })
    const job = queue.add({
      kind: 'live',
      title: 'Live preview',
      run: async ({ signal, report }) => {
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
        } finally {
          setImmediate(() => this.ended(run))
        }
      },
    })
    this.drawing = { run, job: job.id }
  }

  private ended(run: Run): void {
    const job = this.drawing?.job
    this.drawing = null
    // A slider makes a hundred of them: the list keeps those that failed.
    const ended = this.program.queue.list().find(({ id }) => id === job)
    if (ended && ended.state !== 'failed') this.program.queue.dismiss(ended.id)
    if (this.wanted && this.wanted !== run) this.start(this.wanted)
    else if (this.on && !this.current.error) this.change({ stage: 'shown', current: true })
  }

  private take(run: Run, event: ComputeEvent): void {
    if (!this.on) return
    switch (event.type) {
      case 'progress':
        return this.change({ stage: stageOf(event.phase), progress: event.fraction })
      case 'feeding':
        return this.change({ feeding: event.feeding })
      case 'contributions':
        return this.change({ contributions: { bytes: event.bytes, missingBytes: event.missingBytes } })
      case 'summed':
        return this.change({ summed: { tensors: event.tensors, of: event.of, seconds: event.seconds } })
      case 'picture':
        return this.show(run, event.id)
      case 'rows':
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
    this.change({
      pictures,
      steps,
      current: run === this.wanted,
      ...(isWhole && isFirst && { seconds: (performance.now() - run.since) / 1000 }),
    })
    if (before && before !== run)
      void rm(join(this.program.cache.live, before.folder), { recursive: true, force: true })
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
