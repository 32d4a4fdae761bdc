import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { FusionError } from '../../contract/errors'
import type { Project } from '../../contract/project'
import { planCalibration, wishOf } from '../calibration-plan'
import { exists } from '../project-file'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

export function calibrationHandlers(studio: Studio): Handlers<Group<'calibration'>> {
  const { host, queue, work } = studio
  return {
    'calibration.describe': () => planCalibration(studio.project.state.project, studio.cache.folder),
    'calibration.start': async ({ path, overwrite }) => {
      const project = studio.projectWithModels()
      const target =
        path === undefined
          ? join(studio.cache.calibrations, `${randomUUID()}.safetensors`)
          : await host.access.checkTarget(path)
      if (!overwrite && (await exists(target))) {
        throw new FusionError('target', `${target} exists already.`, { hint: 'Choose another name, or replace it.' })
      }
      const models = await wishedModels(studio, project)
      queue.cancelAll('calibrate')
      const { samples, seed } = project.calibration
      return work.start(
        'calibrate',
        `Learn what ${models.length} models see`,
        async () => ({
          type: 'calibrate',
          base: project.models[0]!.path,
          models,
          samples,
          seed,
          path: target,
          overwrite,
          device: await studio.device(),
          cacheFolder: studio.cache.folder,
        }),
        undefined,
        async () => use(studio, project.models[0]!.path, target),
      )
    },
  }
}

/** The models that shall run, and on what. @throws FusionError 'validation' and the like where one cannot */
async function wishedModels(studio: Studio, project: Project) {
  const { models } = await planCalibration(project, studio.cache.folder)
  const wished = models.flatMap((planned) => {
    const { name, problem } = planned
    if (problem) throw new FusionError(problem.kind, `${name}: ${problem.message}`, problem)
    const wish = wishOf(project, planned)
    const { path } = project.models.find((model) => model.name === name)!
    return wish ? [{ name, path, wish: wish.kind === 'data' ? wish : { ...wish, prompts: [...wish.prompts] } }] : []
  })
  for (const { wish } of wished) if (wish.kind === 'data') await studio.host.access.check(wish.folder)
  if (wished.length > 0) return wished
  throw new FusionError('validation', 'All models are left out.', { hint: 'Choose what at least one shall run on.' })
}

/** The project names the file, unless it is another project by now. */
function use({ project }: Studio, base: string, calibration: string): void {
  const { models, method } = project.state.project
  if (models[0]?.path !== base || method.calibration === calibration) return
  project.edit([{ type: 'set-method', method: { ...method, calibration } }], 'Learn what the models see')
}
