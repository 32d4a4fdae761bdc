import type { EvaluationSettings } from '../contract/evaluate/settings'
import type { MethodSettings, OutputSettings, Project } from '../contract/document/project'
import type { Edit } from '../contract/state'

/** Where a project and its edits name paths: a part that gets a path of its own is named here, and nowhere else. */

type PathMap = (path: string) => string

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
  return collect((map) => mapPaths(project, map))
}

/** The edits with every path in them replaced. @throws what `map` throws */
export async function mapEditPaths(edits: readonly Edit[], map: (path: string) => Promise<string>): Promise<Edit[]> {
  const paths = new Set(collect((collected) => edits.map((edit) => ofEdit(edit, collected))))
  const mapped = new Map(await Promise.all([...paths].map(async (path) => [path, await map(path)] as const)))
  return edits.map((edit) => ofEdit(edit, (path) => mapped.get(path)!))
}

function collect(visit: (map: PathMap) => unknown): string[] {
  const paths: string[] = []
  visit((path) => {
    paths.push(path)
    return path
  })
  return paths
}

function ofEdit(edit: Edit, map: PathMap): Edit {
  switch (edit.type) {
    case 'add-models':
      return { ...edit, models: withPaths(edit.models, map) }
    case 'set-model':
      return { ...edit, model: { ...edit.model, path: map(edit.model.path) } }
    case 'set-method':
      return { ...edit, method: ofMethod(edit.method, map) }
    case 'set-output':
      return { ...edit, output: ofOutput(edit.output, map) }
    case 'set-evaluation':
      return { ...edit, evaluation: ofEvaluation(edit.evaluation, map) }
    default:
      return edit
  }
}

function withPaths<Named extends { path: string }>(models: readonly Named[], map: PathMap): Named[] {
  return models.map((model) => ({ ...model, path: map(model.path) }))
}

function ofMethod(method: MethodSettings, map: PathMap): MethodSettings {
  const { calibration } = method
  return { ...method, ...(calibration !== undefined && { calibration: map(calibration) }) }
}

function ofOutput(output: OutputSettings, map: PathMap): OutputSettings {
  const { path, vae } = output
  return { ...output, ...(path !== undefined && { path: map(path) }), ...(vae !== undefined && { vae: map(vae) }) }
}

function ofEvaluation(evaluation: EvaluationSettings, map: PathMap): EvaluationSettings {
  const { data, clip } = evaluation
  const orNull = (path: string | null): string | null => (path === null ? null : map(path))
  return { ...evaluation, data: orNull(data), clip: { ...clip, model: orNull(clip.model) } }
}
