import { defineStore } from 'pinia'
import { computed, ref, watch } from 'vue'
import { FusionError } from '../../../src-main/contract/errors'
import type { Job, JobKind, JobResult } from '../../../src-main/contract/jobs'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'

export type ResultOf<K extends JobKind> = Extract<JobResult, { kind: K }>

/** Long tasks, as the host tells them. */
export const useJobs = defineStore('jobs', () => {
  const session = useSession()
  const notices = useNotices()
  const byId = ref(new Map<string, Job>())

  session.onSnapshot((snapshot) => (byId.value = new Map(snapshot.jobs.map((job) => [job.id, job]))))
  session.onEvent((event) => {
    if (event.type === 'job') byId.value.set(event.job.id, event.job)
    else if (event.type === 'job-removed') byId.value.delete(event.id)
  })

  const newestFirst = computed(() => [...byId.value.values()].sort((a, b) => b.createdAt - a.createdAt))
  const active = computed(() => newestFirst.value.filter(isActive).reverse())

  /** The newest job of a kind. */
  function latest(kind: JobKind): Job | undefined {
    return newestFirst.value.find((job) => job.kind === kind)
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

  const cancel = (id: string): Promise<unknown> => notices.attempt(() => session.invoke('jobs.cancel', { id }))
  const dismiss = (id?: string): Promise<unknown> =>
    notices.attempt(() => session.invoke('jobs.dismiss', id === undefined ? {} : { id }))

  return { byId, newestFirst, active, latest, add, result, cancel, dismiss }
})

export function isActive(job: Job): boolean {
  return job.state === 'queued' || job.state === 'running'
}
