import { randomUUID } from 'node:crypto'
import { FusionError, toErrorReport } from '../../contract/errors'
import type { AppEvent } from '../../contract/protocol/events'
import type { Job, JobKind, JobResult, QueueState } from '../../contract/jobs'

/** Events of one job come no faster than this. */
const EVENT_INTERVAL_MS = 100
/** Before that an ETA is a guess. */
const ETA_AFTER_MS = 1000
const ETA_AFTER_PROGRESS = 0.02
/** Ended jobs that stay on the list. */
const KEPT_ENDED = 50

export interface JobContext {
  id: string
  signal: AbortSignal
  /** What it is doing and how far it is, 0 … 1. */
  report(phase: string, progress: number): void
}

export interface JobSpec {
  kind: JobKind
  title: string
  /** Which one of its kind it is (Job). */
  about?: string
  /** The project that it is of (Job). */
  of?: Job['of']
  run(context: JobContext): Promise<JobResult>
  /** Called once with the job as it ended, also where it was cancelled before its turn and never ran. */
  onEnd?(job: Job): void
}

/** What nobody waits for. */
interface IdleWork {
  run(signal: AbortSignal): Promise<void>
}

interface Entry {
  job: Job
  spec: JobSpec
  abort: AbortController
  lastEvent: number
  timer: NodeJS.Timeout | null
}

/** Long tasks, one after another. Progress never falls; an ended job keeps its error or result until it is dismissed. */
export class JobQueue {
  private readonly entries: Entry[] = []
  private busy = false
  /** Short work that waits for the running job, before the queued ones. */
  private readonly waiting: (() => Promise<void>)[] = []
  private readonly idleWork: IdleWork[] = []
  /** Cuts the idle work that runs. */
  private idling: AbortController | null = null
  private idlePaused = false
  private paused = false

  constructor(private readonly emit: (event: AppEvent) => void) {}

  add(spec: JobSpec): Job {
    const job: Job = {
      id: randomUUID(),
      kind: spec.kind,
      title: spec.title,
      about: spec.about ?? null,
      state: 'queued',
      progress: 0,
      phase: null,
      eta: null,
      createdAt: Date.now(),
      startedAt: null,
      endedAt: null,
      error: null,
      of: spec.of ?? null,
      result: null,
    }
    const entry: Entry = { job, spec, abort: new AbortController(), lastEvent: 0, timer: null }
    this.entries.push(entry)
    this.send(entry)
    this.cutIdle()
    this.startNext()
    return entry.job
  }

  /** Runs something short when no job runs, ahead of those that wait; it is no job itself. */
  between<T>(work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.waiting.push(() => work().then(resolve, reject))
      this.cutIdle()
      this.startNext()
    })
  }

  /**
   * Runs something that nobody waits for while there is nothing else to do. What comes meanwhile cuts it (its signal is
   * aborted), and it begins anew later.
   * @param signal given up for good: rejects with the signal's reason
   */
  idle<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    let giveUp = (): void => {}
    return new Promise<T>((resolve, reject) => {
      const own: IdleWork = {
        run: async (cut) => {
          try {
            resolve(await work(AbortSignal.any([cut, signal])))
          } catch (error) {
            if (cut.aborted && !signal.aborted) this.idleWork.unshift(own)
            else reject(error as Error)
          }
        },
      }
      giveUp = () => {
        const place = this.idleWork.indexOf(own)
        if (place >= 0) this.idleWork.splice(place, 1)
        reject(signal.reason as Error)
      }
      if (signal.aborted) return giveUp()
      signal.addEventListener('abort', giveUp)
      this.idleWork.push(own)
      this.startNext()
    }).finally(() => signal.removeEventListener('abort', giveUp))
  }

  /** Keeps idle work back, and cuts what runs of it, until it may go on. */
  pauseIdle(paused: boolean): void {
    this.idlePaused = paused
    if (paused) this.cutIdle()
    else this.startNext()
  }

  private cutIdle(): void {
    this.idling?.abort()
  }

  /** Whether a job, or short work in between, runs or waits. */
  get isBusy(): boolean {
    return (this.busy && !this.idling) || this.waiting.length > 0
  }

  get state(): QueueState {
    return { paused: this.paused, waiting: this.queued().map(({ job }) => job.id) }
  }

  /** Lets no job begin; the one that runs goes on to its end. What follows a person's hand (live pictures) is drawn. */
  pause(paused: boolean): QueueState {
    this.paused = paused
    if (paused) this.cutIdle()
    this.emit({ type: 'queue', queue: this.state })
    this.startNext()
    return this.state
  }

  /**
   * Gives a job another place among those that wait.
   * @param to 0: the next one
   * @throws FusionError 'not-found', 'validation' where it does not wait
   */
  move(id: string, to: number): QueueState {
    const entry = this.find(id)
    if (entry.job.state !== 'queued') throw new FusionError('validation', 'This job does not wait any more.')
    const others = this.queued().filter((other) => other !== entry)
    const order = others.toSpliced(to, 0, entry)
    // They take the places that waiting jobs have in the list.
    for (const [index, old] of this.entries.entries()) {
      if (old.job.state === 'queued') this.entries[index] = order.shift()!
    }
    this.emit({ type: 'queue', queue: this.state })
    return this.state
  }

  private queued(): Entry[] {
    return this.entries.filter(({ job }) => job.state === 'queued')
  }

  /** Oldest first, those that wait in their order. */
  list(): Job[] {
    return this.entries.map(({ job }) => job)
  }

  /** @throws FusionError 'not-found' */
  cancel(id: string): void {
    const entry = this.find(id)
    if (entry.job.endedAt !== null) return
    entry.abort.abort()
    if (entry.job.state === 'queued') this.end(entry, { state: 'cancelled' })
    else this.update(entry, { phase: 'cancelling' })
  }

  /** Cancels what has not ended of a kind. */
  cancelAll(kind?: JobKind): void {
    for (const { job } of [...this.entries]) {
      if (job.endedAt === null && (kind === undefined || job.kind === kind)) this.cancel(job.id)
    }
  }

  /**
   * Takes an ended job off the list; without an id all ended ones.
   * @throws FusionError 'not-found', 'validation' where it has not ended
   */
  dismiss(id?: string): void {
    if (id !== undefined && this.find(id).job.endedAt === null) {
      throw new FusionError('validation', 'This job has not ended.', { hint: 'Cancel it first.' })
    }
    for (const entry of [...this.entries]) {
      if (entry.job.endedAt !== null && (id === undefined || entry.job.id === id)) this.remove(entry)
    }
  }

  private find(id: string): Entry {
    const entry = this.entries.find(({ job }) => job.id === id)
    if (!entry) throw new FusionError('not-found', `There is no job ${id}.`)
    return entry
  }

  private remove(entry: Entry): void {
    this.entries.splice(this.entries.indexOf(entry), 1)
    this.emit({ type: 'job-removed', id: entry.job.id })
  }

  private startNext(): void {
    if (this.busy) return
    const short = this.waiting.shift()
    const entry = short ? undefined : this.queued().find(({ job }) => !this.paused || job.kind === 'live')
    const work = short?.() ?? (entry && this.run(entry)) ?? this.startIdle()
    if (!work) return
    this.busy = true
    void work.then(() => {
      this.busy = false
      this.idling = null
      this.startNext()
    })
  }

  private startIdle(): Promise<void> | undefined {
    const next = this.idlePaused || this.paused ? undefined : this.idleWork.shift()
    if (!next) return undefined
    this.idling = new AbortController()
    return next.run(this.idling.signal)
  }

  private async run(entry: Entry): Promise<void> {
    this.update(entry, { state: 'running', startedAt: Date.now() })
    const context: JobContext = {
      id: entry.job.id,
      signal: entry.abort.signal,
      report: (phase, progress) => this.progress(entry, phase, progress),
    }
    try {
      const result = await entry.spec.run(context)
      this.end(entry, { state: 'done', progress: 1, result })
    } catch (error) {
      const cancelled = entry.abort.signal.aborted
      this.end(entry, cancelled ? { state: 'cancelled' } : { state: 'failed', error: toErrorReport(error) })
    }
  }

  private progress(entry: Entry, phase: string, fraction: number): void {
    const { job } = entry
    if (job.endedAt !== null || entry.abort.signal.aborted) return
    const progress = Math.max(job.progress, Math.min(1, Number.isFinite(fraction) ? fraction : 0))
    const elapsed = Date.now() - (job.startedAt ?? Date.now())
    const known = elapsed >= ETA_AFTER_MS && progress >= ETA_AFTER_PROGRESS
    entry.job = { ...job, phase, progress, eta: known ? ((elapsed / progress) * (1 - progress)) / 1000 : null }
    const wait = entry.lastEvent + EVENT_INTERVAL_MS - Date.now()
    if (wait <= 0) this.send(entry)
    else entry.timer ??= setTimeout(() => this.send(entry), wait)
  }

  private update(entry: Entry, changes: Partial<Job>): void {
    entry.job = { ...entry.job, ...changes }
    this.send(entry)
  }

  private end(entry: Entry, changes: Partial<Job>): void {
    this.update(entry, { ...changes, phase: null, eta: null, endedAt: Date.now() })
    const ended = this.entries.filter(({ job }) => job.endedAt !== null)
    for (const old of ended.slice(0, Math.max(0, ended.length - KEPT_ENDED))) this.remove(old)
    entry.spec.onEnd?.(entry.job)
  }

  private send(entry: Entry): void {
    if (entry.timer) clearTimeout(entry.timer)
    entry.timer = null
    entry.lastEvent = Date.now()
    this.emit({ type: 'job', job: entry.job })
  }
}
