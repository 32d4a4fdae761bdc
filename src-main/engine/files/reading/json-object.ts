import { FusionError } from '../../../contract/errors'
import { isObject } from '../../../contract/values/json-text'
import { readSmallText, readSmallTextSync } from './regular-file'
import { SMALL_FILES, type SmallFile } from './small-files'

/**
 * Reads a JSON file that holds an object.
 * @throws FusionError 'malformed' (no JSON, or no object), and what reading the file throws
 */
export async function readJsonObject(
  path: string,
  kind: SmallFile = SMALL_FILES.config,
): Promise<Record<string, unknown>> {
  return parseJsonObject(await readSmallText(path, kind), path)
}

/** The same for code that cannot wait. */
export function readJsonObjectSync(path: string, kind: SmallFile = SMALL_FILES.config): Record<string, unknown> {
  return parseJsonObject(readSmallTextSync(path, kind), path)
}

function parseJsonObject(text: string, path: string): Record<string, unknown> {
  const fail = (what: string, cause?: unknown): FusionError =>
    new FusionError('malformed', `${path} ${what}.`, { hint: 'Get this file again.', cause })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw fail('is not valid JSON', cause)
  }
  if (!isObject(value)) throw fail('does not hold a JSON object')
  return value
}
