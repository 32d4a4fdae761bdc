import { exportKey } from '../../contract/document/export-key'
import { readingOf } from '../../contract/document/project'
import { ENDINGS, targetName } from '../../contract/document/names/file-names'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { CALIBRATION_FILE } from '../../engine/merge/plan/calibration/calibration-file'
import { makePrivate, makePrivateFolder } from '../../engine/files/writing/permissions'
import { planCalibration, requestedModels } from '../../project/calibration-plan'
import { checkAgreed } from '../files/agreed-target'
import { checkNamedTarget } from '../files/path-access'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

export function calibrationHandlers(studio: Studio): Handlers<Group<'calibration'>> {
  const { host, queue, jobs } = studio
  return {
    'calibration.describe': () => planCalibration(studio.project.state.project, studio.cache.folder, studio),
    'calibration.start': async ({ path, overwrite }) => {
      const project = await studio.readableProject()
      const { calibrations } = studio.cache
      const isOwn = path === undefined
      const target = isOwn
        ? join(calibrations, `${randomUUID()}.safetensors`)
        : await checkNamedTarget(host.access, path, (given) => targetName(given, ENDINGS.weights))
      if (isOwn) makePrivateFolder(calibrations)
      await checkAgreed(target, CALIBRATION_FILE, overwrite)
      const models = await requestedModels(project, studio.cache.folder, studio)
      queue.cancelAll('calibrate')
      const { samples, seed } = project.calibration
      return jobs.start({
        kind: 'calibrate',
        title: `Collect calibration data of ${models.length} models`,
        of: exportKey(project),
        task: async () => ({
          type: 'calibrate',
          base: project.models[0]!.path,
          ...readingOf(project),
          models,
          samples,
          seed,
          path: target,
          overwrite,
          device: await studio.device(),
          cacheFolder: studio.cache.folder,
        }),
        onSuccess: async () => {
          if (isOwn) makePrivate(target)
          use(studio, project.models[0]!.path, target)
        },
      })
    },
  }
}

/** The project names the file, unless it is another project by now. */
function use({ project }: Studio, base: string, calibration: string): void {
  const { models, method } = project.state.project
  if (models[0]?.path !== base || method.calibration === calibration) return
  project.edit([{ type: 'set-method', method: { ...method, calibration } }], 'Use the calibration data')
}
