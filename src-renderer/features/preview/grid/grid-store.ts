import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'
import type { AxisKind, Grid, GridAxis } from '../../../../src-main/contract/grid/grid'
import { axisValues } from '../../../../src-main/contract/grid/grid-axes'
import type { AxisName } from '../../../../src-main/contract/grid/grid-cells'
import type { CommandOutput } from '../../../../src-main/contract/protocol/commands'
import type { Picture } from '../../../../src-main/contract/preview'
import { useSession } from '../../../bridge/session-store'
import { useNotices } from '../../../shared/notices/notices-store'
import { useCatalog } from '../../catalog/catalog-store'
import { isActive, useJobs } from '../../jobs/jobs-store'
import { useProject } from '../../project/project-store'
import { defaultValues } from './axis-words'
import { usePreview } from '../preview-store'

const FORECAST_DELAY_MS = 250

/** A grid of pictures over anything: its axes, what it would take, and the grids that were drawn. */
export const useGrid = defineStore('grid', () => {
  const session = useSession()
  const project = useProject()
  const preview = usePreview()
  const jobs = useJobs()
  const notices = useNotices()
  const catalog = useCatalog()
  const shown = ref<string | null>(null)
  const forecast = shallowRef<CommandOutput<'preview.gridForecast'> | null>(null)

  const axes = computed<Grid>(() => {
    const { grid } = project.project.preview
    if (grid) return { x: grid.x, y: grid.y ?? null, z: grid.z ?? null }
    return { x: newAxis('weight', project.enabledSpecialists[0]?.name ?? ''), y: null, z: null }
  })
  const problems = computed(() => {
    const problemOf = (axis: GridAxis | null): string | null => {
      const found = axis && axisValues(axis, project.project)
      return found && 'problem' in found ? found.problem : null
    }
    return { x: problemOf(axes.value.x), y: problemOf(axes.value.y), z: problemOf(axes.value.z) }
  })
  const canDraw = computed(
    () => project.specialists.length > 0 && Object.values(problems.value).every((problem) => problem === null),
  )

  const run = computed(() => preview.grids.find(({ id }) => id === shown.value) ?? preview.grids[0])
  const job = computed(() => (run.value ? jobs.byId.get(run.value.id) : undefined))
  const running = computed(() => job.value !== undefined && isActive(job.value))
  /** By the place in the grid. */
  const cells = computed(() => {
    const found = new Map<string, Picture>()
    for (const picture of preview.pictures)
      if (picture.cell && picture.job === run.value?.id) found.set(placeKey(picture.cell), picture)
    return found
  })

  let asked = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  watch(
    () => JSON.stringify([axes.value, canDraw.value, preview.mode, project.state?.revision]),
    () => {
      const request = ++asked
      clearTimeout(timer)
      timer = setTimeout(() => void foresee(request), FORECAST_DELAY_MS)
    },
    { immediate: true },
  )

  async function foresee(request: number): Promise<void> {
    if (!canDraw.value || preview.mode !== 'grid') return void (forecast.value = null)
    await project.settled()
    const found = await notices.attempt(() => session.invoke('preview.gridForecast', { grid: axes.value }))
    if (request === asked) forecast.value = found ?? null
  }

  /** An axis of another kind, with values to begin with. */
  function newAxis(kind: AxisKind, of: string): GridAxis {
    return { kind, of, values: defaultValues(kind, of, project.project, catalog.schedulers) }
  }

  function setAxis(name: AxisName, axis: GridAxis | null): void {
    const next = name === 'x' ? { ...axes.value, x: axis ?? axes.value.x } : { ...axes.value, [name]: axis }
    project.editPreview({ grid: next }, `Grid, ${name.toUpperCase()}`)
  }

  async function start(): Promise<void> {
    await project.settled()
    if (!canDraw.value) return
    await notices.attempt(async () => {
      const { job: begun, run: drawn, isNew } = await session.invoke('preview.grid', { grid: axes.value })
      preview.addRun(drawn)
      jobs.add(begun)
      shown.value = drawn.id
      if (!isNew) notices.say('This grid is being drawn already.')
    })
  }

  return { axes, problems, canDraw, forecast, run, job, running, cells, shown, newAxis, setAxis, start }
})

export function placeKey({ x, y, z }: { x: number; y: number; z: number }): string {
  return `${x}/${y}/${z}`
}
