import type { ScorerFiles } from '../../evaluate/scores/scorers'
import type { EvaluationSettings } from '../../evaluate/settings'
import type { MethodSettings, OutputSettings, Project } from '../project'

/** Where a project names paths: a part that gets a path of its own is named here, and nowhere else. */

export type PathMap = (path: string) => string

/** The project with every path in it replaced. */
export function mapPaths(project: Project, map: PathMap): Project {
  return {
    ...project,
    models: withPaths(project.models, map),
    method: ofMethod(project.method, map),
    output: ofOutput(project.output, map),
    evaluation: ofEvaluation(project.evaluation, map),
  }
}

/** Every path that a project names. */
export function pathsOf(project: Project): string[] {
  return collectPaths((map) => mapPaths(project, map))
}

/** The paths that a merge of a project reads. */
export function pathsRead({ models, method, output }: Pick<Project, 'models' | 'method' | 'output'>): string[] {
  const others = [method.calibration, output.vae].filter((path) => path !== undefined)
  return [...models.map(({ path }) => path), ...others]
}

/** The paths that something asks to be replaced. */
export function collectPaths(visit: (map: PathMap) => unknown): string[] {
  const paths: string[] = []
  visit((path) => {
    paths.push(path)
    return path
  })
  return paths
}

export function withPaths<Named extends { path: string }>(models: readonly Named[], map: PathMap): Named[] {
  return models.map((model) => ({ ...model, path: map(model.path) }))
}

export function ofMethod(method: MethodSettings, map: PathMap): MethodSettings {
  const { calibration } = method
  return { ...method, ...(calibration !== undefined && { calibration: map(calibration) }) }
}

export function ofOutput(output: OutputSettings, map: PathMap): OutputSettings {
  const { path, vae } = output
  return { ...output, ...(path !== undefined && { path: map(path) }), ...(vae !== undefined && { vae: map(vae) }) }
}

export function ofEvaluation(evaluation: EvaluationSettings, map: PathMap): EvaluationSettings {
  const { data, scores, scorers } = evaluation
  const orNull = (path: string | null): string | null => (path === null ? null : map(path))
  return {
    ...evaluation,
    data: orNull(data),
    scores: { ...scores, promptFile: orNull(scores.promptFile) },
    scorers: ofScorers(scorers, map),
  }
}

export function ofScorers(files: ScorerFiles, map: PathMap): ScorerFiles {
  const named = Object.entries(files).map(([scorer, path]) => [scorer, path === null ? null : map(path)])
  return Object.fromEntries(named) as ScorerFiles
}
