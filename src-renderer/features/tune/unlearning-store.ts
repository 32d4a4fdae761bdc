import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import type { Unlearning } from '../../../src-main/contract/unlearning'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'
import { useJobs } from '../jobs/jobs-store'
import { useProject } from '../project/project-store'

interface Measured {
  /** What the figures depend on. */
  key: string
  unlearning: Unlearning
}

/** What dropping specialists changes, as it was measured. */
export const useUnlearning = defineStore('unlearning', () => {
  const session = useSession()
  const project = useProject()
  const jobs = useJobs()
  const notices = useNotices()
  const byName = ref(new Map<string, Measured>())
  /** Specialist that is being measured. */
  const running = ref<string | null>(null)

  /** The merge with the specialist and without it: the same, whether it is dropped now or not. */
  const keyOf = (name: string): string => {
    const { models, method, output } = project.project
    const merged = models.map(({ sha256: _, ...model }) => (model.name === name ? { ...model, enabled: true } : model))
    return JSON.stringify([merged, { ...method, reuse: true }, output.include])
  }

  /** What is known of a specialist, and whether it is of the merge as it is now. */
  const resultOf = computed(() => (name: string) => {
    const measured = byName.value.get(name)
    return measured ? { unlearning: measured.unlearning, current: measured.key === keyOf(name) } : null
  })

  /** @param losses measured on the project's evaluation data too, which takes longer */
  async function measure(name: string, losses: boolean): Promise<void> {
    running.value = name
    await notices.attempt(async () => {
      await project.settled()
      const key = keyOf(name)
      const { job } = await session.invoke('tune.unlearning', { name, losses })
      const { unlearning } = await jobs.result(job, 'unlearning')
      byName.value.set(name, { key, unlearning })
    })
    if (running.value === name) running.value = null
  }

  return { running, resultOf, measure }
})
