import { defineStore } from 'pinia'
import { computed, reactive, ref, shallowRef, watch } from 'vue'
import { DOMAIN_PICTURES, type DomainPictures } from '../../../src-main/contract/evaluate/scores/domain-pictures'
import type { DriftReport } from '../../../src-main/contract/evaluate/drift'
import type { EvaluationReport, EvaluationRow } from '../../../src-main/contract/evaluate/report'
import { EMPTY_RESULTS, SCORES_OF, type EvaluationResults } from '../../../src-main/contract/evaluate/results'
import type { ScoreReport } from '../../../src-main/contract/evaluate/scores/scores'
import type { SearchReport, SearchRequest } from '../../../src-main/contract/evaluate/search/search'
import type { EvaluationData } from '../../../src-main/contract/evaluate/settings'
import { isAbout, type ModelIdentity } from '../../../src-main/contract/document/names/model-identity'
import { evaluationKey, withFound } from '../../../src-main/contract/document/project-evaluation'
import type { Job } from '../../../src-main/contract/jobs'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'
import { isActive, useJobs } from '../jobs/jobs-store'
import { useProject } from '../project/project-store'

/** Scores stand below the table, and below the comparison. */
export type EvaluateTab = Exclude<keyof EvaluationResults, 'scores' | 'methodScores'>

/** The results of evaluations, updated row by row, and the evaluation data. */
export const useEvaluate = defineStore('evaluate', () => {
  const session = useSession()
  const project = useProject()
  const jobs = useJobs()
  const notices = useNotices()
  /** Of whatever project. */
  const all = shallowRef<EvaluationResults>(EMPTY_RESULTS)
  /** Those of the project's models: another project never shows them. */
  const results = computed<EvaluationResults>(() => {
    const own = <One extends { models: readonly ModelIdentity[] }>(one: One | null): One | null =>
      one && isAbout(one.models, project.models) ? one : null
    const { table, comparison, search, drift, scores, methodScores } = all.value
    return {
      table: own(table),
      comparison: own(comparison),
      search: own(search),
      drift: own(drift),
      scores: own(scores),
      methodScores: own(methodScores),
    }
  })
  /** null before the host was asked. */
  const data = shallowRef<EvaluationData | null>(null)
  /** Who draws what, in the project as it is; null before the host was asked. */
  const pictures = shallowRef<DomainPictures | null>(null)
  const tab = ref<EvaluateTab>('table')
  /** What the sampling check takes. */
  const drift = reactive({ domain: null as string | null, pictures: 1, samples: 64 })

  session.onSnapshot(() => void load())
  session.onEvent((event) => {
    if (event.type === 'evaluation') all.value = { ...all.value, [event.report.kind]: event.report }
    else if (event.type === 'weight-search') all.value = { ...all.value, search: event.search }
    else if (event.type === 'feature-drift') all.value = { ...all.value, drift: event.drift }
    else if (event.type === 'domain-pictures') pictures.value = event.pictures
    else if (event.type === 'scores') all.value = { ...all.value, [SCORES_OF[event.scores.kind]]: event.scores }
  })

  async function load(): Promise<void> {
    const answer = await notices.attempt(() => session.invoke('evaluate.results', {}))
    if (answer) all.value = answer
  }

  /** Everything that determines which data there are. */
  const dataKey = computed(() => {
    const { evaluation } = project.project
    return JSON.stringify([evaluation.data, evaluation.seed, project.base?.path])
  })
  watch(dataKey, () => void loadData())

  async function loadData(): Promise<void> {
    await project.settled()
    const asked = dataKey.value
    const answer = await notices.attempt(() => session.invoke('evaluate.data', {}))
    if (!answer || asked !== dataKey.value) return
    data.value = answer
    if (!answer.domains.some(({ name }) => name === drift.domain)) drift.domain = null
  }

  const shown = computed<EvaluationReport | SearchReport | DriftReport | null>(() => results.value[tab.value])
  /** Whether a result is of the project as it is now. */
  const isCurrent = computed(() => (of: keyof EvaluationResults) => {
    const key =
      project.models.length === 0
        ? ''
        : evaluationKey(project.project, of, of === 'search' ? results.value.search?.aims : undefined)
    return results.value[of]?.key === key
  })
  const outdated = computed(() => shown.value !== null && !isCurrent.value(tab.value))

  /** Scores of a table's rows, where both are of the project as it is now. */
  function scoresOf(kind: EvaluationReport['kind']): ScoreReport | null {
    const slot = SCORES_OF[kind]
    return isCurrent.value(kind) && isCurrent.value(slot) ? results.value[slot] : null
  }

  function jobOf(result: { job: string } | null): Job | undefined {
    return result ? jobs.byId.get(result.job) : undefined
  }
  const job = computed(() => {
    // Earlier results stand until there are others: the job is not the one that they come from.
    if (tab.value === 'drift') return jobs.latestHere('drift')
    if (tab.value === 'search') return jobOf(results.value.search)
    return jobs.latestHere('evaluate', tab.value) ?? jobOf(results.value[tab.value])
  })
  const running = computed(() => job.value !== undefined && isActive(job.value))

  /** Everything that the pictures depend on. */
  const picturesKey = computed(() =>
    results.value.table?.summary
      ? JSON.stringify([evaluationKey(project.project, 'table'), project.project.preview])
      : '',
  )
  watch(picturesKey, () => void loadPictures(), { immediate: true })

  async function loadPictures(): Promise<void> {
    const asked = picturesKey.value
    pictures.value = null
    if (asked === '') return
    await project.settled()
    const answer = await session.invoke('evaluate.pictures', {}).catch(() => null)
    if (asked === picturesKey.value) pictures.value = answer
  }

  const drawing = computed(() => jobs.active.some(({ kind, about }) => kind === 'preview' && about === DOMAIN_PICTURES))

  async function draw(): Promise<void> {
    await project.settled()
    const started = await notices.attempt(() => session.invoke('evaluate.draw', {}))
    if (started) jobs.add(started.job)
  }

  async function start(kind: EvaluationReport['kind']): Promise<void> {
    await project.settled()
    const started = await notices.attempt(() => session.invoke('evaluate.start', { kind }))
    if (started) jobs.add(started.job)
  }

  async function search(input: SearchRequest): Promise<void> {
    await project.settled()
    const started = await notices.attempt(() => session.invoke('evaluate.search', input))
    if (started) jobs.add(started.job)
  }

  async function checkFeatures(): Promise<void> {
    await project.settled()
    const started = await notices.attempt(() => session.invoke('evaluate.drift', drift))
    if (started) jobs.add(started.job)
  }

  async function score(kind: EvaluationReport['kind']): Promise<void> {
    await project.settled()
    const started = await notices.attempt(() => session.invoke('evaluate.scores', { kind }))
    if (started) jobs.add(started.job)
  }

  /** Takes method and weights of a row of the leaderboard, as one step of undo. */
  function useRow({ name, recipe }: EvaluationRow, scale: number | null): void {
    if (!recipe) return
    const method = { ...project.project.method, ...recipe.method, ...(scale !== null && { scale }) }
    const models = recipe.models.flatMap((weighed) => {
      const model = project.models.find((one) => one.name === weighed.name)
      return model ? [{ ...model, weight: weighed.weight, blocks: {}, layers: [] }] : []
    })
    project.edit(`Use ${name}`, [
      { type: 'set-method' as const, method },
      ...models.map((model) => ({ type: 'set-model' as const, name: model.name, model })),
    ])
  }

  /** Takes the weights or gains that the search found, as one step of undo. */
  function useFound(): void {
    const { search: found } = results.value
    if (!found?.best) return
    const { models, method } = withFound(project.project, found, found.best.models)
    project.edit(`Use the ${found.space} that were found`, [
      ...models.map((model) => ({ type: 'set-model' as const, name: model.name, model })),
      { type: 'set-method' as const, method },
    ])
  }

  return {
    results,
    data,
    tab,
    drift,
    pictures,
    drawing,
    draw,
    shown,
    isCurrent,
    scoresOf,
    outdated,
    jobOf,
    job,
    running,
    loadData,
    start,
    search,
    checkFeatures,
    score,
    useFound,
    useRow,
  }
})
