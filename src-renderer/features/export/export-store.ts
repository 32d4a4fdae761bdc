import { defineStore } from 'pinia'
import { computed, shallowRef, watch } from 'vue'
import type { CommandOutput } from '../../../src-main/contract/protocol/commands'
import { exportKey } from '../../../src-main/contract/document/export-key'
import { toErrorReport, type ErrorReport } from '../../../src-main/contract/errors'
import type { UnfinishedExport } from '../../../src-main/contract/export'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'
import { useFileDialog, type FileTarget } from '../files/file-dialog-store'
import { useJobs } from '../jobs/jobs-store'
import { useProject } from '../project/project-store'

/** Changes that follow each other within this time ask for one forecast. */
const SETTLE = 250

/** The forecast of an export, and the exports that were made. */
export const useExport = defineStore('export', () => {
  const session = useSession()
  const project = useProject()
  const jobs = useJobs()
  const files = useFileDialog()
  const notices = useNotices()
  const forecast = shallowRef<CommandOutput<'export.forecast'>['forecast']>(null)
  const refusal = shallowRef<ErrorReport | null>(null)
  let timer: ReturnType<typeof setTimeout> | undefined
  let asked = 0

  /** What the forecast depends on. */
  const asking = computed(() => {
    const { models, method, output } = project.project
    return JSON.stringify([models, method, output])
  })

  /** Keeps the forecast up to date; returns what ends that. */
  function follow(): () => void {
    const stop = watch(
      asking,
      () => {
        clearTimeout(timer)
        forecast.value = null
        timer = setTimeout(() => void ask(), SETTLE)
      },
      { immediate: true },
    )
    return () => {
      clearTimeout(timer)
      asked++
      stop()
    }
  }

  async function ask(): Promise<void> {
    const mine = ++asked
    await project.settled()
    if (mine !== asked || project.models.length < 2) return
    const answer = await session
      .invoke('export.forecast', {})
      .catch((error: unknown) => ({ forecast: null, problem: toErrorReport(error) }))
    if (mine !== asked) return
    forecast.value = answer.forecast
    refusal.value = answer.problem
  }

  const key = computed(() => exportKey(project.project))
  /** The last export of these models: those of another project do not count. */
  const job = computed(() => jobs.latestHere('export'))
  /** Whether it is of the project as it is now. */
  const isCurrent = computed(() => job.value?.of?.merge === key.value.merge)
  /** Whatever it is of: exports come one after another. */
  const running = computed(() => jobs.active.some(({ kind }) => kind === 'export'))

  const suggestion = shallowRef<{ name: string; of: string } | null>(null)
  /** A name that an export of the project as it is now had before. */
  const suggested = computed(() => (suggestion.value?.of === key.value.merge ? suggestion.value.name : null))

  /** Exports of the project as it is now are to have this name, until it is changed. */
  function suggest(name: string): void {
    suggestion.value = { name, of: key.value.merge }
  }

  async function start(): Promise<void> {
    const folder = forecast.value?.folder ?? false
    const title = project.state?.title ?? 'merged'
    const target: FileTarget | null = await files.chooseTarget(
      folder ? 'export-folder' : 'export-file',
      suggested.value ?? (folder ? title : `${title}.safetensors`),
    )
    if (!target) return
    await project.settled()
    await notices.attempt(async () => jobs.add((await session.invoke('export.start', target)).job))
  }

  const unfinished = shallowRef<UnfinishedExport[]>([])

  async function findUnfinished(): Promise<void> {
    const found = await notices.attempt(() => session.invoke('export.unfinished', {}))
    unfinished.value = found?.exports ?? unfinished.value
  }

  async function removeUnfinished(path: string): Promise<void> {
    const left = await notices.attempt(() => session.invoke('export.removeUnfinished', { path }))
    unfinished.value = left?.exports ?? unfinished.value
  }

  /** Exports to the same place again: what is written there already is continued. */
  async function resume(path: string): Promise<void> {
    await project.settled()
    await notices.attempt(async () => jobs.add((await session.invoke('export.start', { path })).job))
    await findUnfinished()
  }

  return {
    ...{ forecast, refusal, job, isCurrent, running, suggested, suggest, follow, start },
    ...{ unfinished, findUnfinished, removeUnfinished, resume },
  }
})
