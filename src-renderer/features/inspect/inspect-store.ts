import { defineStore } from 'pinia'
import { computed, markRaw, ref, shallowRef, watch } from 'vue'
import {
  identityOf,
  inspectionKey,
  isSameModel,
  type ModelIdentity,
} from '../../../src-main/contract/document/names/model-identity'
import type { LayerSummary, MatrixInfo, MatrixKind } from '../../../src-main/contract/inspect'
import { inspectedColumns, layerKey, type InspectedColumn } from '../../../src-main/contract/report/inspected-map'
import type { LayerInfo } from '../../../src-main/contract/document/models'
import { useSession } from '../../bridge/session-store'
import { keepEqual } from '../../shared/keep-equal'
import { useNotices } from '../../shared/notices/notices-store'
import { isActive, useJobs } from '../jobs/jobs-store'
import { useModels } from '../models/models-store'
import { useProject } from '../project/project-store'

/** What is known of every layer of the project's models: rows stream in while they are computed for the first time. */
export const useInspect = defineStore('inspect', () => {
  const session = useSession()
  const project = useProject()
  const models = useModels()
  const jobs = useJobs()
  const notices = useNotices()
  /** Of what is shown. */
  const job = ref<string | null>(null)
  const time = ref(0)
  const complete = ref(false)
  const key = ref('')
  const inspected = shallowRef<readonly ModelIdentity[]>([])
  /** Thousands of rows are read at once: `revision` tells of all of them, each by itself would cost too much. */
  const summaries = markRaw(new Map<string, LayerSummary>())
  const revision = ref(0)
  const selected = ref<string | null>(null)
  const draft = shallowRef<{ job: string; matrix: MatrixInfo } | null>(null)
  let asked = 0

  session.onSnapshot(() => void load())
  session.onEvent((event) => {
    if (event.type === 'matrix-draft') draft.value = event
    if (event.type !== 'inspect-rows') return
    if (event.job === job.value) take(event.rows)
    else if (event.last || !complete.value) void load()
    if (event.last && event.job === job.value) complete.value = true
  })

  function take(rows: readonly LayerSummary[]): void {
    for (const row of rows) summaries.set(layerKey(row.component, row.layer), row)
    revision.value++
  }

  async function load(): Promise<void> {
    const mine = ++asked
    const answer = await notices.attempt(() => session.invoke('inspect.rows', {}))
    if (!answer || mine !== asked) return
    if (answer.job !== job.value) summaries.clear()
    job.value = answer.job
    time.value = answer.time
    complete.value = answer.complete
    key.value = answer.key
    inspected.value = keepEqual(inspected.value, answer.models)
    take(answer.rows)
  }

  /** Which models the map has to be of: another project never shows it. */
  const wanted = computed(() => JSON.stringify(project.models.map(identityOf)))
  watch(wanted, async () => {
    await project.settled()
    await load()
  })

  const running = computed(() => {
    const now = jobs.latestHere('inspect')
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
  /** The models of the map by the names that they have in the project now, base first. */
  const modelNames = computed<readonly string[]>((before) =>
    keepEqual(
      before,
      inspected.value.map((one) => project.models.find((model) => isSameModel(model, one))?.name ?? one.name),
    ),
  )
  const columns = computed<readonly InspectedColumn[]>((before) =>
    keepEqual(before, inspectedColumns(inspected.value, project.models)),
  )
  /** Whether models take part that the map does not have, or settings have changed that decide it. */
  const outdated = computed(() => {
    if (rows.value.length === 0) return false
    const unknown = project.enabledSpecialists.some((model) => !inspected.value.some((one) => isSameModel(one, model)))
    return unknown || key.value !== inspectionKey(project.project)
  })
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
      jobs.add((await session.invoke('inspect.start', {})).job)
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
    time,
    complete,
    modelNames,
    columns,
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
