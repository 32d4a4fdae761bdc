import type { EvaluationReport } from '../../contract/evaluate/report'
import {
  EMPTY_RESULTS,
  evaluationResultsSchema,
  SCORES_OF,
  type EvaluationResults,
} from '../../contract/evaluate/results'
import { chosenScorers, type ScoreReport } from '../../contract/evaluate/scores/scores'
import type { SearchReport } from '../../contract/evaluate/search/search'
import { exportKey } from '../../contract/document/export-key'
import { withoutGains } from '../../contract/document/merge-settings'
import { FusionError } from '../../contract/errors'
import type { EvaluationPart } from '../../contract/history'
import type { Job } from '../../contract/jobs'
import { methodWords } from '../../contract/methods/words'
import type { Project } from '../../contract/document/project'
import { readSmallText } from '../../engine/files/reading/regular-file'
import { SMALL_FILES } from '../../engine/files/reading/small-files'
import { checkedScorers } from './checked-scorers'
import { basisOf, evaluatedRows, unlearningRows } from './evaluation-plan'
import { changeBy, newReport, reportRows, resultHead, withFailure } from './report'
import type { HandlerInput } from '../handlers/handlers'
import { writeJsonFile } from '../files/json-file'
import { cachedMerge } from '../previews/preview-models'
import type { EventHub } from '../event-hub'
import type { PathAccess } from '../files/path-access'
import type { Log } from '../log'
import type { JobQueue } from '../jobs/job-queue'
import type { Cache } from '../../project/cache'
import type { ProviderStatus } from '../../engine/runtime/providers'
import { keepEvaluation } from '../history/keep-records'
import type { ProjectHistory } from '../history/project-history'
import type { ComputeJobs, JobEvent } from '../jobs/compute-jobs'

/** What evaluations need of the program. */
export interface EvaluationHost {
  readonly jobs: ComputeJobs
  readonly queue: JobQueue
  readonly events: EventHub
  readonly log: Log
  readonly cache: Cache
  readonly projectHistory: ProjectHistory
  readonly host: { readonly access: PathAccess }
  /** The project, if what a merge of it reads may be read. @throws FusionError 'validation' */
  readableProject(): Promise<Project>
  /** @throws FusionError 'validation' where there are no data, or they may not be read */
  dataFolder(project: Project): Promise<string>
  /** @throws FusionError 'device' */
  device(): Promise<ProviderStatus>
}

/** Evaluations and searches, their last results kept over a restart. */
export class Evaluations {
  /** Scores that are not there yet: earlier ones stand until then. */
  private startedScores: ScoreReport | null = null
  /** Tables that are not there yet: earlier ones stand until they have rows, and those of the same recipe until they are whole. */
  private started: { table?: EvaluationReport; comparison?: EvaluationReport } = {}
  private results: EvaluationResults = EMPTY_RESULTS
  private writing: Promise<void> = Promise.resolve()

  /** @param file where results are kept */
  constructor(
    private readonly program: EvaluationHost,
    private readonly file: string,
  ) {}

  /** What an earlier session measured; nothing where that cannot be read. */
  async open(): Promise<void> {
    try {
      this.results = evaluationResultsSchema.parse(JSON.parse(await readSmallText(this.file, SMALL_FILES.own)))
    } catch (error) {
      if (error instanceof FusionError && error.kind === 'not-found') return
      this.program.log.add('warning', `Earlier evaluations could not be read: ${String(error)}`)
    }
  }

  get current(): EvaluationResults {
    return this.results
  }

  /** @throws FusionError 'validation' where there is nothing to measure, or nothing to measure on */
  async start(kind: EvaluationReport['kind']): Promise<{ job: Job }> {
    const { jobs, queue } = this.program
    const project = await this.program.readableProject()
    const rows = evaluatedRows(project, kind)
    const data = await this.data()
    const recognition = await this.recognition(project)
    const title = kind === 'table' ? `Evaluate ${rows.length} models` : 'Compare methods'
    queue.cancelAll('evaluate')
    const started = jobs.start({
      kind: 'evaluate',
      title,
      about: kind,
      of: exportKey(project),
      task: async () => ({
        type: 'evaluate',
        ...basisOf(project),
        rows,
        pairs: unlearningRows(project, rows),
        comparison: kind === 'comparison',
        recognition,
        data,
        device: await this.program.device(),
        cacheFolder: this.program.cache.folder,
      }),
      onEvent: (event) => this.takeRows(kind, event),
      onSuccess: (_result, job) => this.ended(project, kind, job, this.updateReport(kind, job, { done: true })),
    })
    const report = newReport(project, { kind, rows, data, job: started.job.id })
    this.started = { ...this.started, [kind]: report }
    return started
  }

  /** @throws FusionError 'validation' where there is nothing to measure on */
  async search(input: HandlerInput<'evaluate.search'>): Promise<{ job: Job }> {
    const { jobs, queue, events, cache } = this.program
    const project = await this.program.readableProject()
    const data = await this.data()
    const scoring = await checkedScorers(project.evaluation, this.program.host.access)
    queue.cancelAll('search')
    const started = jobs.start({
      kind: 'search',
      title: input.space === 'gains' ? 'Search gains' : 'Search weights',
      of: exportKey(project),
      task: async () => {
        const gained = input.space === 'gains' ? await cachedMerge(withoutGains(project), cache.merges) : null
        return {
          type: 'search',
          project: gained?.merge ?? project,
          path: gained?.path ?? null,
          ...input,
          ...scoring,
          data,
          device: await this.program.device(),
          cacheFolder: cache.folder,
        }
      },
      onEvent: (event) => this.takeTrials(event),
      onSuccess: (_result, job) => this.ended(project, 'search', job, this.update('search', job, { done: true })),
    })
    const search: SearchReport = {
      job: started.job.id,
      ...resultHead(project, 'search', data, input.aims),
      strategy: input.strategy,
      space: input.space,
      groups: input.groups,
      aims: input.aims,
      planned: input.strategy === 'cma-es' ? input.trials : null,
      pictures: null,
      base: null,
      soup: null,
      trials: [],
      work: null,
      best: null,
      check: null,
      done: false,
    }
    this.results = { ...this.results, search }
    events.emit({ type: 'weight-search', search })
    return started
  }

  /** @throws FusionError 'validation' where there is nothing to measure on, or nothing is merged */
  async drift({ domain, pictures, samples }: HandlerInput<'evaluate.drift'>): Promise<{ job: Job }> {
    const { jobs, queue, cache } = this.program
    const project = await this.program.readableProject()
    const data = { ...(await this.data()), domain, pictures }
    const report = {
      ...resultHead(project, 'drift', data),
      method: methodWords(withoutGains(project).method),
    }
    queue.cancelAll('drift')
    return jobs.start({
      kind: 'drift',
      title: 'Sampling check',
      of: exportKey(project),
      task: async () => {
        const { path, merge } = await cachedMerge(withoutGains(project), cache.merges)
        const device = await this.program.device()
        return { type: 'drift', project: merge, path, data, samples, device, cacheFolder: cache.folder }
      },
      onEvent: ({ event }) => {
        if (event.type === 'feature-drift') void this.keep('drift', { ...report, drift: event.drift })
      },
      onSuccess: (_result, job) => this.ended(project, 'drift', job, this.writing),
    })
  }

  /** @throws FusionError 'validation' where no scorer is chosen, or nothing can be drawn */
  async scores(kind: ScoreReport['kind']): Promise<{ job: Job }> {
    const { jobs, queue, cache } = this.program
    const project = await this.program.readableProject()
    const { scores: settings, scorers: files } = project.evaluation
    const chosen = chosenScorers(files)
    if (chosen.length === 0)
      throw new FusionError('validation', 'No scorer is chosen.', { hint: 'Choose the files of one.' })
    const rows = evaluatedRows(project, kind)
    const data = await this.data()
    const slot = SCORES_OF[kind]
    const { scores, scorers } = await checkedScorers(project.evaluation, this.program.host.access)
    queue.cancelAll('scores')
    const started = jobs.start({
      kind: 'scores',
      title: kind === 'table' ? `Scores of ${rows.length} models` : 'Scores of the methods',
      about: kind,
      of: exportKey(project),
      task: async () => {
        const device = await this.program.device()
        return { type: 'scores', ...basisOf(project), rows, scores, scorers, data, device, cacheFolder: cache.folder }
      },
      onEvent: (event) => this.takeScores(event),
      onSuccess: (_result, job) => this.ended(project, slot, job, this.update(slot, job, { done: true })),
    })
    this.startedScores = {
      kind,
      job: started.job.id,
      ...resultHead(project, slot, data),
      settings,
      rows: reportRows(rows),
      domains: [],
      scores: [],
      done: false,
    }
    return started
  }

  /** What the project is measured on. @throws FusionError 'validation' where there is nothing */
  async data() {
    const project = await this.program.readableProject()
    const { split, pictures, seed } = project.evaluation
    return { folder: await this.program.dataFolder(project), split, pictures, seed }
  }

  /** What models draw to be recognised; null where nothing is. @throws FusionError 'validation' for a CLIP model that may not be read */
  private async recognition({ evaluation: { draws, recognition, scorers } }: Project) {
    if (!draws) return null
    return {
      drawing: recognition,
      clip: scorers.clip === null ? null : await this.program.host.access.check(scorers.clip),
    }
  }

  /** Once a result is written, the history keeps it, too. */
  private async ended(project: Project, part: EvaluationPart, job: string, written: Promise<void>): Promise<void> {
    await written
    await keepEvaluation(this.program, project, { part, job, results: this.results })
  }

  private takeRows(slot: EvaluationReport['kind'], { event, job }: JobEvent): void {
    const report = this.reportOf(slot, job)
    const change = report && changeBy(event, report)
    if (change) void this.updateReport(slot, job, change)
  }

  private reportOf(slot: EvaluationReport['kind'], job: string): EvaluationReport | undefined {
    return [this.started[slot], this.results[slot]].find((report) => report?.job === job) ?? undefined
  }

  /** Changes a table; one that is cancelled or fails takes nothing away from a whole one of the same recipe. */
  private updateReport(slot: EvaluationReport['kind'], job: string, change: Partial<EvaluationReport>): Promise<void> {
    const report = this.reportOf(slot, job)
    if (!report) return Promise.resolve()
    const next = { ...report, ...change }
    const shown = this.results[slot]
    const stands = shown?.done && shown.job !== job && shown.key === next.key && !next.done
    this.started = { ...this.started, [slot]: stands || next.summary === null ? next : undefined }
    return stands || next.summary === null ? Promise.resolve() : this.keep(slot, next)
  }

  private takeScores({ event, job }: JobEvent): void {
    const { scores: ofTable, methodScores } = this.results
    const scores = [this.startedScores, ofTable, methodScores].find((report) => report?.job === job)
    if (!scores || (event.type !== 'scores' && event.type !== 'row-failed')) return
    const change =
      event.type === 'scores'
        ? { domains: event.domains, scores: event.scores }
        : { rows: withFailure(scores.rows, event) }
    if (event.type === 'scores') this.startedScores = null
    const next = { ...scores, ...change }
    if (this.startedScores) this.startedScores = next
    else void this.keep(SCORES_OF[next.kind], next)
  }

  private takeTrials({ event, job }: JobEvent): void {
    const { search } = this.results
    if (search?.job !== job) return
    if (event.type === 'search') void this.update('search', job, event.search)
    else if (event.type === 'trial') {
      const { trial, models } = event
      const best = models && trial.score !== null ? { score: trial.score, models } : search.best
      void this.update('search', job, { trials: [...search.trials, trial], best })
    } else if (event.type === 'found')
      void this.update('search', job, { best: event.best, check: event.check, work: event.work })
  }

  /** Changes a result of a job, tells it and keeps it; a job that another one has followed changes nothing. */
  private update<Slot extends 'search' | 'scores' | 'methodScores'>(
    slot: Slot,
    job: string,
    change: Partial<NonNullable<EvaluationResults[Slot]>>,
  ): Promise<void> {
    const result = this.results[slot]
    return result?.job === job ? this.keep(slot, { ...result, ...change }) : Promise.resolve()
  }

  private keep<Slot extends keyof EvaluationResults>(slot: Slot, result: EvaluationResults[Slot]): Promise<void> {
    this.results = { ...this.results, [slot]: result }
    const { events, log } = this.program
    const { search, drift } = this.results
    if (slot === 'search') events.emit({ type: 'weight-search', search: search! })
    else if (slot === 'scores' || slot === 'methodScores')
      events.emit({ type: 'scores', scores: this.results[slot as 'scores' | 'methodScores']! })
    else if (slot === 'drift') events.emit({ type: 'feature-drift', drift: drift! })
    else events.emit({ type: 'evaluation', report: this.results[slot as EvaluationReport['kind']]! })
    this.writing = this.writing
      .then(() => writeJsonFile(this.file, this.results))
      .catch((error: unknown) => log.add('warning', `Evaluations could not be kept: ${String(error)}`))
    return this.writing
  }
}
