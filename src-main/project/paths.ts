import {
  collectPaths,
  ofEvaluation,
  ofMethod,
  ofOutput,
  withPaths,
  type PathMap,
} from '../contract/document/names/project-paths'
import type { Edit } from '../contract/state'

/** The edits with every path in them replaced. @throws what `map` throws */
export async function mapEditPaths(edits: readonly Edit[], map: (path: string) => Promise<string>): Promise<Edit[]> {
  const paths = new Set(collectPaths((collected) => edits.map((edit) => ofEdit(edit, collected))))
  const mapped = new Map(await Promise.all([...paths].map(async (path) => [path, await map(path)] as const)))
  return edits.map((edit) => ofEdit(edit, (path) => mapped.get(path)!))
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
