import { join } from 'node:path'
import { z } from 'zod'
import { planDomainPictures } from '../app/evaluation/domain-pictures'
import { basisOf, evaluatedRows, unlearningRows } from '../app/evaluation/evaluation-plan'
import { changeBy, newReport } from '../app/evaluation/report'
import { readJsonFile } from '../app/files/json-file'
import { describeLayers } from '../app/models/project-layers'
import { evaluate } from '../compute/tasks/evaluate'
import type { TaskContext } from '../compute/task'
import { identityOf, inspectionKey, isAbout } from '../contract/document/names/model-identity'
import { takingPart, type Project } from '../contract/document/project'
import { evaluationKey } from '../contract/document/project-evaluation'
import type { EvaluationReport } from '../contract/evaluate/report'
import { EMPTY_RESULTS, evaluationResultsSchema, type EvaluationResults } from '../contract/evaluate/results'
import { inspectionSchema, NO_INSPECTION, type Inspection, type LayerSummary } from '../contract/inspect'
import type { ReportPictures } from '../contract/report/evaluate-section'
import { inspectedMap, type InspectedMap } from '../contract/report/inspected-map'
import { openCheckpoint } from '../engine/checkpoint/open'
import { isThere, readSmallFile } from '../engine/files/reading/regular-file'
import { SMALL_FILES } from '../engine/files/reading/small-files'
import { inspectLayers, openInspection } from '../engine/inspect/inspect'
import { chooseDevice, chooseProvider, type Device } from '../engine/runtime/providers'
import { Cache } from '../project/cache'
import { evaluationFolder } from '../project/evaluation-folder'
import { cacheFolder } from './folders'
import { withAligning } from './output/plan-progress'
import { DATA_FILES } from '../app/files/data-files'

/** Where a result comes from. */
export type Origin = 'kept' | 'computed'

export interface Found<Result> {
  result: Result
  origin: Origin
}

/** What results are computed with, where none are kept. */
export interface ComputingContext extends Pick<TaskContext, 'signal' | 'workerFile' | 'clipVocabulary'> {
  device: Device
  onProgress(phase: string, fraction: number): void
}

/** The map of a project's layers: the one that a program keeps in its folder, where it is of the project as it is; else computed. */
export async function foundMap(
  project: Project,
  kept: string,
  context: ComputingContext,
): Promise<Found<Inspection & { map: InspectedMap }>> {
  const last = await readJsonFile(join(kept, DATA_FILES.inspection), z.nullable(inspectionSchema))
  const isOwn =
    last !== null && last.complete && isAbout(last.models, project.models) && last.key === inspectionKey(project)
  const inspection = isOwn ? last : await inspected(project, context)
  const { layers } = describeLayers(await openCheckpoint(project.models[0]!.path), project)
  const map = inspectedMap(project, layers, inspection)
  return { result: { ...inspection, map }, origin: isOwn ? 'kept' : 'computed' }
}

async function inspected(project: Project, { signal, device, onProgress }: ComputingContext): Promise<Inspection> {
  const inspection = await withAligning(signal, (listener) => openInspection(project, listener))
  const rows: LayerSummary[] = []
  await inspectLayers(inspection, { provider: await chooseProvider(device), signal }, (summary, fraction) => {
    rows.push(summary)
    onProgress('inspecting', fraction)
  })
  const models = takingPart(project.models).map(identityOf)
  return { ...NO_INSPECTION, time: Date.now(), key: inspectionKey(project), models, rows, complete: true }
}

/** What a program keeps of evaluations of these models, whatever their weights were. */
export async function keptEvaluations(project: Project, kept: string): Promise<EvaluationResults> {
  const all = await readJsonFile(join(kept, DATA_FILES.evaluations), evaluationResultsSchema)
  if (all === null) return EMPTY_RESULTS
  const own = <One extends EvaluationResults[keyof EvaluationResults]>(one: One): One | null =>
    one !== null && isAbout(one.models, project.models) ? one : null
  const { table, comparison, scores, methodScores } = all
  return {
    ...EMPTY_RESULTS,
    ...{ table: own(table), comparison: own(comparison) },
    ...{ scores: own(scores), methodScores: own(methodScores) },
  }
}

/** Measures a project's table of losses. @throws FusionError 'validation' where there is nothing to measure on */
export async function measuredTable(project: Project, context: ComputingContext): Promise<EvaluationReport> {
  const { signal, workerFile, clipVocabulary, device, onProgress } = context
  const { split, pictures, seed, draws, recognition, scorers } = project.evaluation
  const data = { folder: evaluationFolder(project), split, pictures, seed }
  const rows = evaluatedRows(project, 'table')
  let report = newReport(project, { kind: 'table', rows, data, job: 'report' })
  const task = {
    type: 'evaluate' as const,
    ...basisOf(project),
    rows,
    pairs: unlearningRows(project, rows),
    comparison: false,
    recognition: draws ? { drawing: recognition, clip: scorers.clip } : null,
    data,
    device: await chooseDevice(device),
    cacheFolder: cacheFolder(),
  }
  await evaluate(task, {
    ...{ signal, workerFile, clipVocabulary },
    emit(event) {
      if (event.type === 'progress') onProgress(event.phase, event.fraction)
      else report = { ...report, ...changeBy(event, report) }
    },
  })
  return { ...report, done: true }
}

/** Whether a table is of the project as it is. */
export function isOfProject(report: EvaluationReport, project: Project): boolean {
  return report.done && report.key === evaluationKey(project, report.kind)
}

/** Who draws what, as far as the window has drawn it; none where the evaluation data are not there. */
export async function drawnPictures(project: Project): Promise<ReportPictures> {
  const plan = await planDomainPictures(project, evaluationFolder(project), { cache: new Cache(cacheFolder()) })
  const drawn = plan.pictures.filter(({ file }) => isThere(file))
  return Promise.all(
    drawn.map(async ({ row, domain, prompt, file }) => {
      const bytes = await readSmallFile(file, SMALL_FILES.picture)
      return { row, domain, prompt, url: `data:image/png;base64,${bytes.toString('base64')}` }
    }),
  )
}
