import { defineStore } from 'pinia'
import { computed, reactive } from 'vue'
import { fusionRequestSchema } from '../../../src-main/contract/adapter-fusion'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'
import { useFileDialog } from '../files/file-dialog-store'
import { useJobs } from '../jobs/jobs-store'
import { useModels } from '../models/models-store'
import { useProject } from '../project/project-store'
import { useExport } from './export-store'

/** One LoRA of all specialists, where they all are adapters. */
export const useFusion = defineStore('fusion', () => {
  const session = useSession()
  const project = useProject()
  const models = useModels()
  const jobs = useJobs()
  const files = useFileDialog()
  const exports = useExport()
  const notices = useNotices()
  const request = reactive(fusionRequestSchema.parse({}))

  const isOffered = computed(() => {
    const enabled = project.enabledSpecialists
    return enabled.length > 0 && enabled.every(({ path }) => Boolean(models.summaryOf(path)?.adapter))
  })
  /** The last one of these models: those of another project do not count. */
  const job = computed(() => jobs.latestHere('fuse'))
  const running = computed(() => jobs.active.some(({ kind }) => kind === 'fuse'))

  async function start(): Promise<void> {
    const target = await files.chooseTarget(
      'export-file',
      exports.suggested ?? `${project.state?.title ?? 'merged'}-lora.safetensors`,
      'Write one LoRA',
    )
    if (!target) return
    await project.settled()
    await notices.attempt(async () => jobs.add((await session.invoke('export.fuse', { ...target, request })).job))
  }

  return { request, isOffered, job, running, start }
})
