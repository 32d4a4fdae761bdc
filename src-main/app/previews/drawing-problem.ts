import { readingOf, type Project } from '../../contract/document/project'
import { toErrorReport, type ErrorReport } from '../../contract/errors'
import { schedulerConfigOf } from '../../engine/diffusion/pipeline-parts'
import { openModel } from '../../engine/merge/open-model'
import { chooseScheduler, createScheduler } from '../../engine/schedulers/index'

/** Why a project's base cannot draw with the scheduler and the steps of its previews; null: it can, or cannot be opened. */
export async function drawingProblem(project: Project): Promise<ErrorReport | null> {
  const base = await openModel(project.models[0]!.path, readingOf(project)).catch(() => null)
  if (!base?.components.has('vae')) return null
  const { steps, scheduler } = project.preview
  try {
    const { className, config } = chooseScheduler(schedulerConfigOf(base), scheduler)
    createScheduler(className, config, { steps })
    return null
  } catch (error) {
    return toErrorReport(error)
  }
}
