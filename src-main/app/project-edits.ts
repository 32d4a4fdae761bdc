import { basename, dirname, extname } from 'node:path'
import type { CalibrationSettings } from '../contract/calibration'
import { FusionError } from '../contract/errors'
import { modelSchema, projectSchema, type ModelEntry, type Project } from '../contract/project'
import type { Edit } from '../contract/state'

export const EMPTY_PROJECT: Project = projectSchema.parse({ format: 'featurefusion-project', version: 1, models: [] })

/**
 * The project after an edit; the one that is given stays as it is.
 * @throws FusionError 'validation' for a name that is not there, or is there already
 */
export function applyEdit(project: Project, edit: Edit): Project {
  const { models } = project
  switch (edit.type) {
    case 'add-models':
      return { ...project, models: edit.models.reduce(withModel, models) }
    case 'remove-model':
      return {
        ...project,
        models: models.toSpliced(indexOf(models, edit.name), 1),
        calibration: renamed(project.calibration, edit.name, null),
      }
    case 'move-model': {
      const from = indexOf(models, edit.name)
      return { ...project, models: models.toSpliced(from, 1).toSpliced(edit.to, 0, models[from]!) }
    }
    case 'set-model': {
      const index = indexOf(models, edit.name)
      if (models.some(({ name }, other) => other !== index && name === edit.model.name)) {
        throw new FusionError('validation', `Another model is named ${edit.model.name} already.`)
      }
      return {
        ...project,
        models: models.with(index, edit.model),
        calibration: renamed(project.calibration, edit.name, edit.model.name),
      }
    }
    case 'set-method':
      return { ...project, method: edit.method }
    case 'set-output':
      return { ...project, output: edit.output }
    case 'set-preview':
      return { ...project, preview: edit.preview }
    case 'set-evaluation':
      return { ...project, evaluation: edit.evaluation }
    case 'set-calibration':
      return { ...project, calibration: edit.calibration }
  }
}

/** What was chosen for a model goes with it. @param to its new name; null: it is removed */
function renamed(calibration: CalibrationSettings, name: string, to: string | null): CalibrationSettings {
  if (name === to || !calibration.choices.some((choice) => choice.name === name)) return calibration
  const choices = calibration.choices.flatMap((choice) =>
    choice.name !== name ? [choice] : to === null ? [] : [{ ...choice, name: to }],
  )
  return { ...calibration, choices }
}

function indexOf(models: readonly ModelEntry[], wanted: string): number {
  const index = models.findIndex(({ name }) => name === wanted)
  if (index < 0) throw new FusionError('validation', `The project has no model named ${wanted}.`)
  return index
}

function withModel(models: ModelEntry[], { path, name }: { path: string; name?: string | undefined }): ModelEntry[] {
  const taken = models.find((model) => model.path === path)
  if (taken) throw new FusionError('validation', `${path} is in the project already, as ${taken.name}.`)
  return [...models, modelSchema.parse({ name: uniqueName(models, name ?? nameFromPath(path)), path })]
}

/** A file's name without its ending; of a component's folder (`style/unet`) the one above. */
export function nameFromPath(path: string): string {
  const own = basename(path)
  return own === 'unet'
    ? basename(dirname(path))
    : basename(path, extname(path) === '.safetensors' ? '.safetensors' : '')
}

function uniqueName(models: readonly ModelEntry[], wanted: string): string {
  for (let count = 1; ; count++) {
    const name = count === 1 ? wanted : `${wanted} ${count}`
    if (!models.some((model) => model.name === name)) return name
  }
}
