import type { AdapterStrengths, Project, Reading } from '../../contract/document/project'
import { needsCalibration } from '../../contract/document/project'
import { unreadable } from '../files/reading/file-errors'
import { fileState } from '../files/reading/file-state'
import { digest } from '../files/kept/digest'
import { filesOfModel } from '../merge/open-model'
import { RUNTIME_VERSION } from '../runtime/session'

/** A model's file or a merge, as a key tells it from every other one. */
export interface KeyedModel {
  path: string | null
  merge: Project | null
  /** Of an adapter. */
  strengths?: AdapterStrengths | undefined
}

/** What a model is run in. */
export interface ModelSurroundings extends Reading {
  /** The pipeline around the UNet. */
  base: string
  provider: string
}

/** What makes a model or a merge: every file behind it, and the settings that matter. */
export async function modelParts({ merge, path }: KeyedModel, { base }: Pick<ModelSurroundings, 'base'>) {
  const paths = [base, ...(merge ? merge.models.map((entry) => entry.path) : path === null ? [] : [path])]
  if (merge?.output.vae !== undefined) paths.push(merge.output.vae)
  const { calibration, ...settings } = merge?.method ?? {}
  // Of a method that does not read it, a calibration is nothing to depend on.
  const used = merge && needsCalibration(merge.method) ? calibration : undefined
  const made = merge && {
    models: merge.models.map(({ sha256: _hash, ...entry }) => entry),
    method: { ...settings, calibration: used },
    output: { include: merge.output.include, dtype: merge.output.dtype },
  }
  const files = await Promise.all(paths.map(filesOf))
  return { path, made, files, others: used === undefined ? [] : [await stateOf(used)] }
}

/** The key of what a model or a merge computes, whatever it is run on; it changes with every file behind it. */
export async function modelKeyOf(model: KeyedModel, on: ModelSurroundings): Promise<string> {
  const { provider, prediction, ema, base } = on
  return digest([RUNTIME_VERSION, await modelParts(model, on), base, provider, { prediction, ema }, model.strengths])
}

/** A file as it is now. @throws FusionError 'not-found', 'unreadable' */
export async function stateOf(path: string): Promise<unknown> {
  const state = await fileState(path).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  return [path, state]
}

async function filesOf(path: string): Promise<unknown> {
  const files = await filesOfModel(path)
  return files.map(({ path: file, state }) => [file, state])
}
