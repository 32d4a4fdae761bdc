import { stat, writeFile } from 'node:fs/promises'
import { FusionError } from '../../../contract/errors'
import { AtomicOutput, writableFolder } from './atomic-output'
import { isThere } from '../reading/regular-file'
import type { TargetRule } from './target'
import { writingError } from './writing-error'

/**
 * Writes a file to a place that a person names: whole or not at all, and over nothing but what `rule` allows.
 * @throws FusionError 'target'; then nothing is changed
 */
export async function writeOutput(path: string, data: string | Uint8Array, rule: TargetRule): Promise<void> {
  const output = await AtomicOutput.create(path, rule)
  try {
    await writeFile(output.temporaryPath, data)
    await output.commit([output.temporaryPath])
  } catch (error) {
    await output.discard()
    throw writingError(error, path)
  }
}

/** Sees, before the long work, that a file can be written. @throws FusionError 'target' */
export async function checkOutput(path: string, rule: TargetRule): Promise<void> {
  await (await AtomicOutput.create(path, rule)).discard()
}

/**
 * Sees, before the long work, that files can be written into a folder, which is made if it is missing; it may be a link
 * to one. @throws FusionError 'target'
 */
export async function checkOutputFolder(path: string): Promise<void> {
  const isFolder = (await stat(path).catch(() => null))?.isDirectory()
  if (isThere(path) && !isFolder) {
    throw new FusionError('target', `${path} is not a folder.`, {
      hint: 'Name a folder, or one that is not there yet.',
    })
  }
  await writableFolder(path)
}
