import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { TaskOf } from '../../contract/protocol/compute-tasks'
import { mergeText } from '../../contract/document/merge-settings'
import { needsCalibration, readingOf, type ModelEntry, type Project } from '../../contract/document/project'
import { FusionError } from '../../contract/errors'
import type { PictureSource } from '../../contract/preview'
import { filesBehindModel } from '../../engine/merge/open-model'
import { fileState } from '../../engine/files/reading/file-state'

export type PreviewModel = TaskOf<'preview'>['models'][number]

/** All that decides what a model draws (filesBehindModel). */
export type FilesOf = typeof filesBehindModel

/** A model of the project that draws as it is. */
export async function plainModel(
  project: Project,
  { path, strengths }: ModelEntry,
  files: FilesOf = filesBehindModel,
): Promise<PreviewModel> {
  const base = project.models[0]!.path
  const said = readingOf(project)
  return {
    key: await stateOf(JSON.stringify([path, said, strengths]), [path, base], files),
    path,
    base,
    merge: null,
    ...(strengths && { strengths }),
    ...said,
  }
}

/** A merge that draws, at its place in the cache. @param merges folder of merged previews */
export async function mergedModel(
  merge: Project,
  merges: string,
  files: FilesOf = filesBehindModel,
): Promise<PreviewModel & { merge: Project }> {
  const { vae } = merge.output
  const key = await stateOf(
    mergeText(merge),
    [...merge.models.map((model) => model.path), ...(vae === undefined ? [] : [vae])],
    files,
    needsCalibration(merge.method) ? merge.method.calibration : undefined,
  )
  const base = merge.models[0]!.path
  return { key, path: join(merges, key), base, merge: notExported(merge), ...readingOf(merge) }
}

/** Where a project's merge lies in the cache, or will lie. */
export async function cachedMerge(project: Project, merges: string): Promise<{ path: string; merge: Project }> {
  const { path, merge } = await mergedModel(project, merges)
  return { path, merge }
}

/** A merge that is only looked at: its place and form are its own; what it is made of is the project's. */
export function notExported(merge: Project): Project {
  const { path: _exportPath, ...output } = merge.output
  return { ...merge, output: { ...output, layout: 'same' } }
}

/** @throws FusionError 'validation' */
export function modelNamed({ models }: Project, wanted: string): ModelEntry {
  const model = models.find(({ name }) => name === wanted)
  if (!model) throw new FusionError('validation', `The project has no model named ${wanted}.`)
  return model
}

/** Models as a picture of them names them. @throws what opening one throws */
export function pictureSources(
  models: readonly ModelEntry[],
  files: FilesOf = filesBehindModel,
): Promise<PictureSource[]> {
  return Promise.all(
    models.map(async ({ name, path }) => ({ name, path, state: await stateOf('', [path], files), sha256: null })),
  )
}

/** Models as their files are now; those that cannot be opened are left out. */
export async function currentSources(models: readonly ModelEntry[], files?: FilesOf): Promise<PictureSource[]> {
  const found = await Promise.all(models.map((model) => pictureSources([model], files).catch(() => [])))
  return found.flat()
}

/**
 * A key that changes with any of the models' files: one that was replaced on the disk is another model.
 * @param other another file that counts
 */
async function stateOf(key: string, models: readonly string[], filesOf: FilesOf, other?: string): Promise<string> {
  const digest = createHash('sha256').update(key)
  const found = other === undefined ? null : await fileState(other).catch(() => null)
  if (found !== null) digest.update(`\n${found}`)
  for (const files of await Promise.all(models.map((path) => filesOf(path))))
    for (const { path, state } of files) digest.update(`\n${path}\n${state}`)
  return digest.digest('hex')
}
