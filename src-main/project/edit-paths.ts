import type { Edit } from '../contract/state'

/** The edits with every path in them replaced. */
export async function mapEditPaths(edits: readonly Edit[], map: (path: string) => Promise<string>): Promise<Edit[]> {
  return Promise.all(edits.map((edit) => mapped(edit, map)))
}

async function mapped(edit: Edit, map: (path: string) => Promise<string>): Promise<Edit> {
  switch (edit.type) {
    case 'add-models':
      return {
        ...edit,
        models: await Promise.all(edit.models.map(async (model) => ({ ...model, path: await map(model.path) }))),
      }
    case 'set-model':
      return { ...edit, model: { ...edit.model, path: await map(edit.model.path) } }
    case 'set-method': {
      const { calibration } = edit.method
      return {
        ...edit,
        method: { ...edit.method, ...(calibration !== undefined && { calibration: await map(calibration) }) },
      }
    }
    case 'set-output': {
      const { path, vae } = edit.output
      return {
        ...edit,
        output: {
          ...edit.output,
          ...(path !== undefined && { path: await map(path) }),
          ...(vae !== undefined && { vae: await map(vae) }),
        },
      }
    }
    case 'set-evaluation': {
      const { data, clip } = edit.evaluation
      const mapped = async (path: string | null): Promise<string | null> => (path === null ? null : map(path))
      const model = await mapped(clip.model)
      return { ...edit, evaluation: { ...edit.evaluation, data: await mapped(data), clip: { ...clip, model } } }
    }
    default:
      return edit
  }
}
