import { readMergeText, withMerge } from '../../contract/document/merge-settings'
import type { Project } from '../../contract/document/project'
import { FusionError } from '../../contract/errors'
import { DEFAULT_VARIANTS } from '../../contract/values/variant'
import { planGrid } from '../previews/grid-plan'
import { previewPlaces } from '../previews/preview-places'
import { planPreview, type PreviewPlan } from '../previews/preview-plan'
import type { Studio } from '../studio'

/**
 * The pictures of a run as they were asked for, and the project with the weights that it had then; its document stays as
 * it is.
 * @throws FusionError 'not-found' where not all is known of the run, 'validation' where its models may not be read
 */
export async function redrawn(
  studio: Pick<Studio, 'history' | 'project' | 'checkMerge' | 'cache'>,
  id: string,
): Promise<{ plan: PreviewPlan; project: Project }> {
  const { history, checkMerge } = studio
  const asked = history.run(id)?.asked
  const merge = asked && readMergeText(asked.merge)
  if (!asked || !merge) throw new FusionError('not-found', `It is not known what the pictures of ${id} were asked for.`)
  const { drawing } = asked
  const project = { ...withMerge(studio.project.state.project, merge), preview: drawing }
  await checkMerge(project)
  const places = previewPlaces(studio)
  if (drawing.grid) return { plan: await planGrid(project, drawing.grid, places), project }
  const last = history
    .list(undefined, Infinity)
    .find(({ job, settings }) => job === id && settings.variant.type === 'last-merge')
  const plan = await planPreview(project, drawing.variants ?? DEFAULT_VARIANTS, {
    ...places,
    lastOtherMerge: (...of) => last?.merge ?? places.lastOtherMerge(...of),
  })
  return { plan, project }
}
