import { measureAncestry } from '../../engine/inspect/ancestry'
import { openModel, openSpecialist } from '../../engine/merge/open-model'
import type { TaskRunner } from '../task'

/** How far a model is from its base. */
export const ancestry: TaskRunner<'ancestry'> = async ({ base, path, ...options }, { signal }) => {
  const lender = await openModel(base, options)
  const model = await openSpecialist(path, () => Promise.resolve(lender), options)
  return { kind: 'ancestry', ancestry: await measureAncestry(lender, model, signal) }
}
