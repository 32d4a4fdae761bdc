import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'
import { isOfModels } from '../../../src-main/contract/document/export-key'
import { FusionError } from '../../../src-main/contract/errors'
import type { Job, JobKind, JobResult, QueueState } from '../../../src-main/contract/jobs'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'
import { useProject } from '../project/project-store'

export type ResultOf<K extends JobKind> = Extract<JobResult, { kind: K }>

/** Long tasks, as the host tells them. */
export const useJobs = defineStore('jobs', () => {
  const session = useSession()
  const project = useProject()
  const notices = useNotices()
  const byId = ref(new Map<string, Job>())
  const queue = shallowRef<QueueState>({ paused: false, waiting: [] })

  session.onSnapshot((snapshot) => {
    byId.value = new Map(snapshot.jobs.map((job) => [job.id, job]))
    queue.value = snapshot.queue
  })
  session.onEvent((event) => {
    if (event.type === 'job') byId.value.set(event.job.id, event.job)
    else if (event.type === 'job-removed') byId.value.delete(event.id)
    else if (event.type === 'queue') queue.value = event.queue
  })

  const newestFirst = computed(() => [...byId.value.values()].sort((a, b) => b.createdAt - a.createdAt))
  /** The one that runs, then those that wait, in the order in which they will run. */
  const active = computed(() => {
    const place = ({ id, state }: Job): number => {
      if (state === 'running') return -1
      const named = queue.value.waiting.indexOf(id)
      // Those that came since the order was told wait behind the others.
      return named < 0 ? queue.value.waiting.length : named
    }
    return newestFirst.value
      .filter(isActive)
      .reverse()
      .sort((a, b) => place(a) - place(b))
  })
  const waiting = computed(() => active.value.filter(({ state }) => state === 'queued'))
  const ended = computed(() => newestFirst.value.filter((job) => !isActive(job)))

  /** The newest job of a kind. */
  function latest(kind: JobKind): Job | undefined {
    return newestFirst.value.find((job) => job.kind === kind)
  }

  /**
   * The newest job of a kind that is of the project's models: how one of another project went says nothing here.
   * @param about absent: whatever it is about
   */
  function latestHere(kind: JobKind, about?: string | null): Job | undefined {
    return newestFirst.value.find(
      (job) =>
        job.kind === kind &&
        job.of !== null &&
        isOfModels(job.of.models, project.project) &&
        (about === undefined || job.about === about),
    )
  }

  /** A job that a command has just started; its events may have come already. */
  function add(job: Job): void {
    if (!byId.value.has(job.id)) byId.value.set(job.id, job)
  }

  /** Resolves with what the job leaves behind; rejects with its error. */
  function result<K extends JobKind>(job: Job, kind: K): Promise<ResultOf<K>> {
    add(job)
    return new Promise((resolve, reject) => {
      const stop = watch(
        () => byId.value.get(job.id),
        (now) => {
          if (now && isActive(now)) return
          queueMicrotask(() => stop())
          if (now?.state === 'done' && now.result?.kind === kind) resolve(now.result as ResultOf<K>)
          else if (now?.error) reject(new FusionError(now.error.kind, now.error.message, now.error))
          else reject(new FusionError('cancelled', 'The job was cancelled.'))
        },
        { immediate: true },
      )
    })
  }

  /** Lets no job begin, or the next one. */
  async function pause(paused: boolean): Promise<void> {
    queue.value = (await notices.attempt(() => session.invoke('jobs.pause', { paused }))) ?? queue.value
  }

  /** Another place among those that wait, 0: the next one. */
  async function move(id: string, to: number): Promise<void> {
    queue.value = (await notices.attempt(() => session.invoke('jobs.move', { id, to }))) ?? queue.value
  }

  const cancel = (id: string): Promise<unknown> => notices.attempt(() => session.invoke('jobs.cancel', { id }))
  const dismiss = (id?: string): Promise<unknown> =>
    notices.attempt(() => session.invoke('jobs.dismiss', id === undefined ? {} : { id }))

  return {
    ...{ byId, queue, newestFirst, active, waiting, ended },
    ...{ latest, latestHere, add, result, pause, move, cancel, dismiss },
  }
})

export function isActive(job: Job): boolean {
  return job.state === 'queued' || job.state === 'running'
}
