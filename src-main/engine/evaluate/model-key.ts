import type { AdapterStrengths, Project, Reading } from '../../contract/document/project'
import { needsCalibration } from '../../contract/document/project'
import { digest } from '../files/kept/digest'
import { RUNTIME_VERSION } from '../runtime/session'
import { byState, type FileIdentity } from './file-identity'

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
export async function modelParts(
  { merge, path }: KeyedModel,
  { base }: Pick<ModelSurroundings, 'base'>,
  identity: FileIdentity = byState,
) {
  const paths = [base, ...(merge ? merge.models.map((entry) => entry.path) : path === null ? [] : [path])]
  if (merge?.output.vae !== undefined) paths.push(merge.output.vae)
  const { calibration, ...settings } = merge?.method ?? {}
  // Of a method that does not read it, a calibration is nothing to depend on.
  const used = merge && needsCalibration(merge.method) ? calibration : undefined
  const made = merge && {
    models: merge.models.map(({ sha256: _hash, ...entry }) => ({ ...entry, path: identity.path(entry.path) })),
    method: { ...settings, calibration: used === undefined ? used : identity.path(used) },
    output: { include: merge.output.include, dtype: merge.output.dtype },
  }
  const files: unknown[] = []
  for (const file of paths) files.push(await identity.model(file))
  const others = used === undefined ? [] : [await identity.file(used, used)]
  return { path: path === null ? null : identity.path(path), made, files, others }
}

/** The key of what a model or a merge computes, whatever it is run on; it changes with every file behind it. */
export async function modelKeyOf(
  model: KeyedModel,
  on: ModelSurroundings,
  identity: FileIdentity = byState,
): Promise<string> {
  const { provider, prediction, ema } = on
  const parts = await modelParts(model, on, identity)
  const base = identity.path(on.base)
  return digest([RUNTIME_VERSION, parts, base, provider, { prediction, ema }, model.strengths])
}
