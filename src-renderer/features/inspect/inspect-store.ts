import { defineStore } from 'pinia'
import { computed, markRaw, ref, shallowRef, watch } from 'vue'
import type { LayerSummary, MatrixInfo, MatrixKind } from '../../../src-main/contract/inspect'
import type { LayerInfo } from '../../../src-main/contract/document/models'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'
import { isActive, useJobs } from '../jobs/jobs-store'
import { useModels } from '../models/models-store'
import { useProject } from '../project/project-store'

/** Component and name: the same name may stand in two networks. */
export function layerKey(component: string, name: string): string {
  return `${component}/${name}`
}

/** What is known of every layer: rows stream in while they are computed. */
export const useInspect = defineStore('inspect', () => {
  const session = useSession()
  const project = useProject()
  const models = useModels()
  const jobs = useJobs()
  const notices = useNotices()
  const job = ref<string | null>(null)
  const modelNames = shallowRef<readonly string[]>([])
  /** Thousands of rows are read at once: `revision` tells of all of them, each by itself would cost too much. */
  const summaries = markRaw(new Map<string, LayerSummary>())
  const revision = ref(0)
  const selected = ref<string | null>(null)
  const draft = shallowRef<{ job: string; matrix: MatrixInfo } | null>(null)

  session.onSnapshot(() => void load())
  session.onEvent((event) => {
    if (event.type === 'matrix-draft') draft.value = event
    if (event.type !== 'inspect-rows') return
    if (event.job === job.value) take(event.rows)
    else if (event.job !== job.value) void load()
  })

  function take(rows: readonly LayerSummary[]): void {
    for (const row of rows) summaries.set(layerKey(row.component, row.layer), row)
    revision.value++
  }

  async function load(): Promise<void> {
    const answer = await notices.attempt(() => session.invoke('inspect.rows', {}))
    if (!answer) return
    if (answer.job !== job.value) summaries.clear()
    job.value = answer.job
    modelNames.value = answer.models
    take(answer.rows)
  }

  const running = computed(() => {
    const now = job.value === null ? undefined : jobs.byId.get(job.value)
    return now !== undefined && isActive(now)
  })
  const rows = computed(() => (revision.value, [...summaries.values()]))
  /** All layers in network order; before the network is known, those that are computed. */
  const layers = computed<readonly LayerInfo[]>(() => {
    if (models.network) return models.network.layers
    return rows.value.map(({ layer, component, block, rows: count, inputs }) => ({
      name: layer,
      names: [layer],
      component: component as LayerInfo['component'],
      block,
      rows: count,
      inputs,
      kind: 'linear',
    }))
  })
  const wantedNames = computed(() => [
    ...(project.base ? [project.base.name] : []),
    ...project.enabledSpecialists.map(({ name }) => name),
  ])
  /** Computed for other models than those that would be merged now. */
  const outdated = computed(() => rows.value.length > 0 && modelNames.value.join('\n') !== wantedNames.value.join('\n'))
  const selectedSummary = computed(() => {
    void revision.value
    return selected.value === null ? undefined : summaries.get(selected.value)
  })
  const selectedLayer = computed(() =>
    layers.value.find(({ component, name }) => layerKey(component, name) === selected.value),
  )

  async function start(): Promise<void> {
    await project.settled()
    await notices.attempt(async () => {
      const started = (await session.invoke('inspect.start', {})).job
      jobs.add(started)
      await load()
    })
  }

  /** @param onDraft called with a draft of it, where one comes before */
  async function matrix(layer: string, kind: MatrixKind, onDraft: (matrix: MatrixInfo) => void): Promise<MatrixInfo> {
    await project.settled()
    const started = (await session.invoke('inspect.matrix', { layer, matrix: kind })).job
    // Its event may have come already.
    const stop = watch(draft, (now) => now?.job === started.id && onDraft(now.matrix), { immediate: true })
    try {
      return (await jobs.result(started, 'matrix')).matrix
    } finally {
      stop()
    }
  }

  return {
    job,
    modelNames,
    summaries,
    revision,
    selected,
    running,
    rows,
    layers,
    outdated,
    selectedSummary,
    selectedLayer,
    start,
    matrix,
  }
})
