import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'
import type { CalibrationChoice, CalibrationPlan } from '../../../src-main/contract/document/calibration'
import { needsCalibration } from '../../../src-main/contract/document/project'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'
import { keepEqual } from '../../shared/keep-equal'
import { useFileDialog, type FileTarget } from '../files/file-dialog-store'
import { isActive, useJobs } from '../jobs/jobs-store'
import { useProject } from '../project/project-store'

/** The calibration data: those that were collected, and those that would be. */
export const useCalibration = defineStore('calibration', () => {
  const session = useSession()
  const project = useProject()
  const jobs = useJobs()
  const notices = useNotices()
  const files = useFileDialog()
  /** null before the host was asked. */
  const plan = shallowRef<CalibrationPlan | null>(null)
  /** Another view sent the user here. */
  const asked = ref(false)

  const needed = computed(() => project.specialists.length > 0 && needsCalibration(project.project.method))
  const shown = computed(() => project.specialists.length > 0 && (needed.value || asked.value))
  const job = computed(() => jobs.latestHere('calibrate'))
  const running = computed(() => job.value !== undefined && isActive(job.value))

  /** Everything that determines what would be used, and whether the collected data fit. */
  const key = computed(() => {
    const { models, method, evaluation, calibration } = project.project
    return JSON.stringify([
      models.map(({ name, path, sha256, enabled }) => [name, path, sha256, enabled]),
      [method.name, method.statistics, method.calibration],
      [evaluation.data, evaluation.seed],
      calibration,
    ])
  })
  watch(
    [shown, key, running, () => jobs.latest('hash')?.endedAt],
    () => {
      if (shown.value) void load()
    },
    { immediate: true },
  )

  async function load(): Promise<void> {
    await project.settled()
    const before = key.value
    const answer = await notices.attempt(() => session.invoke('calibration.describe', {}))
    if (answer && before === key.value) plan.value = keepEqual(plan.value, answer)
  }

  /** @param target absent: a place of the program's own */
  async function start(target?: FileTarget): Promise<void> {
    await project.settled()
    const started = await notices.attempt(() => session.invoke('calibration.start', target ?? {}))
    if (started) jobs.add(started.job)
  }

  async function startInto(): Promise<void> {
    const target = await files.chooseTarget(
      'export-file',
      'calibration.safetensors',
      'Write the calibration data to a file',
    )
    if (target) await start(target)
  }

  async function chooseFile(): Promise<void> {
    const [calibration] = await files.choose('models', 'Choose calibration data')
    if (calibration !== undefined) project.editMethod({ calibration }, 'Choose calibration data')
  }

  /** Changes what a model shall run on. */
  function choose(name: string, change: Partial<CalibrationChoice>, label: string): void {
    const planned = plan.value?.models.find((model) => model.name === name)
    const { choices } = project.project.calibration
    const before = choices.find((choice) => choice.name === name) ?? { name, use: planned?.use ?? 'data', prompts: [] }
    const next = { ...before, ...change }
    project.editCalibration({ choices: [...choices.filter((choice) => choice.name !== name), next] }, label)
  }

  return { plan, asked, shown, job, running, start, startInto, chooseFile, choose }
})
