import { constants, setPriority } from 'node:os'
import {
  computeMessageSchema,
  LINKS_INSIDE,
  type ComputeEvent,
  type ComputeRequest,
} from '../../contract/protocol/compute'
import type { ComputeResult, ComputeTask, ResultOf } from '../../contract/protocol/compute-tasks'
import { FusionError, fromErrorReport, toErrorReport, type ErrorReport } from '../../contract/errors'
import type { ComputeState } from '../../contract/state'

/** A forked compute process, whatever forked it (utilityProcess or child_process). */
export interface ComputeChild {
  readonly pid: number | undefined
  post(request: ComputeRequest): void
  onMessage(listener: (message: unknown) => void): void
  /** Called once, with what is known about its end, in words: 'by SIGKILL', 'with code 1'. */
  onExit(listener: (how: string) => void): void
  kill(): void
}

/**
 * Starts the built compute process of a host.
 * @param folders into which links in models may lead; none: anywhere
 */
export type ForkCompute = (file: string, folders?: readonly string[]) => ComputeChild

/** What a compute process is started with: who its host is, and where links may lead. */
export function computeArguments(folders: readonly string[] = []): string[] {
  return [String(process.pid), ...(folders.length > 0 ? [LINKS_INSIDE, ...folders] : [])]
}

export interface SupervisorOptions {
  fork: () => ComputeChild
  onState: (state: ComputeState) => void
  log: (level: 'info' | 'warning', message: string) => void
  /** A process that has done so many tasks makes room for a fresh one (sessions leak a little). */
  recycleAfterTasks?: number
  /** Resident bytes after a task, without the model that stays loaded, above which the process is replaced. */
  memoryLimitBytes?: number
  /** A process that has had nothing to do for so long ends, and gives its memory back. */
  idleMs?: number
  /** How long a cancelled task may take to end before its process is killed. */
  cancelGraceMs?: number
  /** Whether the process gives way to other programs. */
  lowPriority?: () => boolean
}

export interface TaskOptions {
  signal?: AbortSignal
  onEvent?: (event: ComputeEvent) => void
  /** Another grace than the supervisor's, for tasks whose model is worth waiting for. */
  cancelGraceMs?: number
}

interface Process {
  child: ComputeChild
  ready: Promise<void>
  tasks: number
  /** A fresh one takes its place after the task. */
  isOutdated: boolean
}

interface Pending {
  id: number
  process: Process
  /** Live previews go on with the sessions that are there. */
  makesSessions: boolean
  onEvent: (event: ComputeEvent) => void
  resolve: (result: ComputeResult) => void
  reject: (error: FusionError) => void
}

const RECYCLE_AFTER_TASKS = 40
const MEMORY_LIMIT_BYTES = 3 * 2 ** 30
const CANCEL_GRACE_MS = 800
/** Longer than people mostly think between two previews: the model that is loaded, of gigabytes, goes as well. */
export const IDLE_MS = 60_000

/**
 * Keeps one compute process: started at the first task, one task at a time, replaced before its memory creeps, restarted
 * when it dies. A death is an error of the task that ran, never of this process.
 */
export class ComputeSupervisor {
  private process: Process | null = null
  private pending: Pending | null = null
  private nextId = 1
  private died: ErrorReport | null = null
  private closed = false
  private idleTimer: NodeJS.Timeout | undefined
  private keepsIdle = false
  private current: ComputeState = { state: 'idle', died: null }

  constructor(private readonly options: SupervisorOptions) {}

  get state(): ComputeState {
    return this.current
  }

  /** The compute process' id, where one runs. */
  get pid(): number | undefined {
    return this.process?.child.pid
  }

  /**
   * Runs a task to its end.
   * @throws FusionError what the task throws; 'cancelled' within the grace time, or after `close`; 'compute-died';
   * 'internal' while another runs
   */
  async run<Task extends ComputeTask>(
    task: Task,
    { signal, onEvent = () => {}, cancelGraceMs }: TaskOptions = {},
  ): Promise<ResultOf<Task['type']>> {
    if (this.pending) throw new FusionError('internal', 'Two tasks at once in the compute process.')
    if (this.closed || signal?.aborted) throw cancelled()
    const process = (this.process ??= this.start('starting'))
    clearTimeout(this.idleTimer)
    const id = this.nextId++
    let grace: NodeJS.Timeout | undefined
    let sent = false
    const onAbort = (): void => {
      if (!sent) return this.withdraw(id)
      process.child.post({ type: 'cancel', id })
      grace = setTimeout(() => this.giveUp(id), cancelGraceMs ?? this.options.cancelGraceMs ?? CANCEL_GRACE_MS)
    }
    try {
      const result = await new Promise<ComputeResult>((resolve, reject) => {
        this.pending = { id, process, makesSessions: task.type !== 'live', onEvent, resolve, reject }
        signal?.addEventListener('abort', onAbort, { once: true })
        void process.ready.then(() => {
          if (this.pending?.id !== id) return
          sent = true
          process.child.post({ type: 'run', id, task })
        })
      })
      if (isOf(result, task)) return result
      throw new FusionError('internal', `The compute process answered ${task.type} with ${result.kind}.`)
    } finally {
      clearTimeout(grace)
      signal?.removeEventListener('abort', onAbort)
      this.releaseWhenIdle()
    }
  }

  /** Lets the next task begin in a fresh process: what was set holds for all of its threads from their start on. */
  renew(): void {
    if (this.pending) this.pending.process.isOutdated = true
    else if (this.process) this.stop()
  }

  /** Whether an idle process stays with the model that it has loaded. */
  keepWhenIdle(keep: boolean): void {
    this.keepsIdle = keep
    this.releaseWhenIdle()
  }

  /** Ends the process for good: whatever still comes is cancelled, and starts none. */
  close(): void {
    this.closed = true
    this.stop()
  }

  /** Ends the process; what runs fails as cancelled. */
  stop(): void {
    this.pending?.reject(cancelled())
    this.pending = null
    this.discard()
    this.setState('idle')
  }

  private start(state: 'starting' | 'restarting'): Process {
    const child = this.options.fork()
    let markReady = (): void => {}
    const process: Process = {
      child,
      ready: new Promise((resolve) => (markReady = resolve)),
      tasks: 0,
      isOutdated: false,
    }
    child.onMessage((message) => {
      if (this.process === process) this.receive(process, message, markReady)
    })
    child.onExit((how) => {
      if (this.process === process) this.ended(process, how)
    })
    this.setState(state)
    return process
  }

  private receive(process: Process, raw: unknown, markReady: () => void): void {
    const parsed = computeMessageSchema.safeParse(raw)
    if (!parsed.success) {
      this.options.log('warning', `The compute process sent an invalid message: ${parsed.error.message}`)
      return
    }
    const message = parsed.data
    if (message.type === 'ready') {
      this.giveWay(process.child)
      markReady()
      this.setState('ready')
      this.releaseWhenIdle()
      return
    }
    const { pending } = this
    if (pending?.id !== message.id) return
    if (message.type === 'event') {
      pending.onEvent(message.event)
      return
    }
    this.pending = null
    if (pending.makesSessions) process.tasks++
    this.died = null
    if (message.type === 'done') pending.resolve(message.result)
    else pending.reject(fromErrorReport(message.error))
    this.recycle(process, message.memory - message.held)
  }

  /** Before the process has started the threads that compute: they are as patient as the one that starts them. */
  private giveWay({ pid }: ComputeChild): void {
    if (pid === undefined || !this.options.lowPriority?.()) return
    try {
      setPriority(pid, constants.priority.PRIORITY_LOW)
    } catch (error) {
      this.options.log('warning', `The compute process keeps its usual priority: ${String(error)}`)
    }
  }

  private recycle(process: Process, memory: number): void {
    const { recycleAfterTasks = RECYCLE_AFTER_TASKS, memoryLimitBytes = MEMORY_LIMIT_BYTES } = this.options
    if (!process.isOutdated && process.tasks < recycleAfterTasks && memory < memoryLimitBytes) return
    this.options.log(
      'info',
      `The compute process is replaced after ${process.tasks} tasks (${memory} bytes beside its model).`,
    )
    this.discard()
    this.setState('idle')
  }

  private releaseWhenIdle(): void {
    clearTimeout(this.idleTimer)
    if (!this.process || this.pending || this.keepsIdle) return
    this.idleTimer = setTimeout(() => this.stop(), this.options.idleMs ?? IDLE_MS)
    this.idleTimer.unref()
  }

  /** The process went away without being asked. */
  private ended(process: Process, how: string): void {
    this.process = null
    const error = new FusionError('compute-died', `The compute process ended unexpectedly (${how}).`, {
      hint: 'It was started again. If the machine ran out of memory, close other programs or use smaller settings.',
    })
    this.options.log('warning', error.message)
    // One that never got far is not started again at once: it would end the same way, over and over.
    const diedBefore = this.died !== null && process.tasks === 0
    this.died = toErrorReport(error)
    if (diedBefore) this.setState('idle')
    else this.process = this.start('restarting')
    const { pending } = this
    this.pending = null
    pending?.reject(error)
  }

  /** A cancelled task that does not end: only its process' end ends it. */
  private giveUp(id: number): void {
    if (this.pending?.id !== id) return
    this.discard()
    this.setState('idle')
    this.withdraw(id)
  }

  /** A cancelled task that has not reached the process, or never will come back from it. */
  private withdraw(id: number): void {
    const { pending } = this
    if (pending?.id !== id) return
    this.pending = null
    pending.reject(cancelled())
  }

  private discard(): void {
    const { process } = this
    clearTimeout(this.idleTimer)
    this.process = null
    process?.child.kill()
  }

  private setState(state: ComputeState['state']): void {
    this.current = { state, died: this.died }
    this.options.onState(this.current)
  }
}

function isOf<Task extends ComputeTask>(result: ComputeResult, task: Task): result is ResultOf<Task['type']> {
  return result.kind === task.type
}

function cancelled(): FusionError {
  return new FusionError('cancelled', 'Cancelled.')
}
