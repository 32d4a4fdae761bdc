import type { CalibrationSettings } from '../contract/document/calibration'
import { FusionError } from '../contract/errors'
import { MOST_MODELS } from '../contract/values/limits'
import { modelNames } from '../contract/document/names/model-names'
import {
  modelSchema,
  projectSchema,
  withReading,
  type ModelEntry,
  type PreviewSettings,
  type Project,
} from '../contract/document/project'
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
      return { ...project, models: withModels(models, edit.models) }
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
        preview: withVariantRenamed(project.preview, edit.name, edit.model.name),
        snapshots: renamedInSnapshots(project.snapshots, edit.name, edit.model.name),
      }
    }
    case 'set-method':
      return { ...project, method: edit.method }
    case 'set-output':
      return { ...project, output: edit.output }
    case 'set-prediction':
      return withReading(project, { prediction: edit.prediction })
    case 'set-ema':
      return withReading(project, { ema: edit.ema })
    case 'set-preview':
      return { ...project, preview: edit.preview }
    case 'set-evaluation':
      return { ...project, evaluation: edit.evaluation }
    case 'set-calibration':
      return { ...project, calibration: edit.calibration }
    case 'set-snapshots':
      return { ...project, snapshots: edit.snapshots }
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

/** Chosen columns go with their model. */
function withVariantRenamed(preview: PreviewSettings, name: string, to: string): PreviewSettings {
  if (name === to || preview.variants === undefined) return preview
  const variants = preview.variants.map((variant) =>
    'name' in variant && variant.name === name ? { ...variant, name: to } : variant,
  )
  return { ...preview, variants }
}

/** What a snapshot knows of a model goes with it. */
function renamedInSnapshots(snapshots: Project['snapshots'], name: string, to: string): Project['snapshots'] {
  if (name === to) return snapshots
  return snapshots.map((snapshot) => ({
    ...snapshot,
    models: snapshot.models.map((model) => (model.name === name ? { ...model, name: to } : model)),
  }))
}

function indexOf(models: readonly ModelEntry[], wanted: string): number {
  const index = models.findIndex(({ name }) => name === wanted)
  if (index < 0) throw new FusionError('validation', `The project has no model named ${wanted}.`)
  return index
}

/** The models with more of them; those without a name are named by their paths. */
function withModels(models: ModelEntry[], added: Extract<Edit, { type: 'add-models' }>['models']): ModelEntry[] {
  if (models.length + added.length > MOST_MODELS) {
    throw new FusionError('validation', `A project has at most ${MOST_MODELS} models.`)
  }
  const names = modelNames(
    added,
    models.map(({ name }) => name),
  )
  return added.reduce((known, { path }, index) => {
    const taken = known.find((model) => model.path === path)
    if (taken) throw new FusionError('validation', `${path} is in the project already, as ${taken.name}.`)
    return [...known, modelSchema.parse({ name: names[index]!, path })]
  }, models)
}
