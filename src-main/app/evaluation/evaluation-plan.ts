import { THIS_MERGE } from '../../contract/evaluate/losses'
import type { EvaluationReport } from '../../contract/evaluate/report'
import type { EvaluationData } from '../../contract/evaluate/settings'
import { toErrorReport } from '../../contract/errors'
import { plainAverage } from '../../contract/document/merge-settings'
import { methodWords } from '../../contract/methods/words'
import { readingOf, withModel, type ModelEntry, type Project } from '../../contract/document/project'
import { comparedRows, PLAIN_AVERAGE, withOwnNames } from '../../engine/evaluate/compare/compare-methods'
import { openEvaluationData } from '../../engine/evaluate/data/evaluation-data'
import type { EvaluatedRow } from '../../engine/evaluate/evaluation-run'
import type { UnlearningPair } from '../../engine/evaluate/losses/unlearned-gains'
import { notExported } from '../previews/preview-models'

/** What a project's evaluation data are, from their text files alone. @param folderOf evaluationFolder with its checks */
export async function describeData(
  project: Project,
  folderOf: (project: Project) => Promise<string>,
): Promise<EvaluationData> {
  try {
    const folder = await folderOf(project)
    const { kind, timesteps, domains } = await openEvaluationData(folder, project.evaluation.seed)
    const count = (pictures: (typeof domains)[number]['pictures'], wanted: string): number =>
      pictures.filter(({ split }) => split === wanted).length
    return {
      folder,
      kind,
      timesteps: timesteps.length,
      domains: domains.map(({ name, pictures }) => ({
        name,
        heldOut: count(pictures, 'held-out'),
        train: count(pictures, 'train'),
      })),
      problem: null,
    }
  } catch (error) {
    const folder = project.evaluation.data
    return { folder, kind: null, timesteps: 0, domains: [], problem: toErrorReport(error) }
  }
}

/** What is measured, base first. @throws FusionError 'validation' */
export function evaluatedRows(project: Project, kind: EvaluationReport['kind']): EvaluatedRow[] {
  if (kind === 'comparison') {
    const rows = comparedRows(project)
    return withOwnNames([...rows, mergeRow(THIS_MERGE, project)])
  }
  const wanted = new Set(project.evaluation.rows)
  if (wanted.has('without')) wanted.add('merge')
  const [base, ...specialists] = project.models
  const enabled = specialists.filter((model) => model.enabled)
  const dropped = specialists.filter((model) => !model.enabled)
  const modelRow = ({ name, path, strengths }: ModelEntry, role: 'base' | 'specialist'): EvaluatedRow => {
    return { name, role, path, merge: null, ...(strengths && { strengths }) }
  }
  return withOwnNames([
    modelRow(base!, 'base'),
    ...(wanted.has('specialists') ? specialists.map((model) => modelRow(model, 'specialist')) : []),
    ...(wanted.has('merge') && enabled.length > 0 ? [mergeRow(THIS_MERGE, project)] : []),
    ...(wanted.has('soup') && enabled.length > 0 ? [mergeRow(PLAIN_AVERAGE, plainAverage(project))] : []),
    ...(wanted.has('without') && enabled.length > 1
      ? enabled.map(({ name }) => mergeRow(`without ${name}`, withModel(project, name, { enabled: false })))
      : []),
    ...(wanted.has('merge') && enabled.length > 0
      ? dropped.map(({ name }) => mergeRow(`with ${name}`, withModel(project, name, { enabled: true })))
      : []),
  ])
}

/** Rows whose difference is one specialist: this merge, and it without one, or with one that was dropped. */
export function unlearningRows(project: Project, rows: readonly EvaluatedRow[]): UnlearningPair[] {
  const rowOf = (merge: Project): string | undefined => {
    const wanted = JSON.stringify(notExported(merge))
    return rows.find((row) => row.merge && JSON.stringify(row.merge) === wanted)?.name
  }
  const own = rowOf(project)
  if (own === undefined) return []
  return project.models.slice(1).flatMap(({ name: specialist, enabled }) => {
    const other = rowOf(withModel(project, specialist, { enabled: !enabled }))
    if (other === undefined) return []
    return [{ specialist, before: enabled ? own : other, after: enabled ? other : own }]
  })
}

function mergeRow(name: string, project: Project): EvaluatedRow {
  return { name, role: 'merge', path: null, merge: notExported(project) }
}

/** How a row is made, in words; empty for a model that was there. */
export function rowWords({ merge, searchesScale }: EvaluatedRow): string {
  if (!merge) return ''
  return `${methodWords(merge.method)}${searchesScale ? '; from there on the scale is searched' : ''}`
}

/** What rows are measured with: the base's pipeline, and how the models are read. */
export function basisOf(project: Project): Pick<Project, 'prediction' | 'ema'> & { base: string } {
  return { base: project.models[0]!.path, ...readingOf(project) }
}
