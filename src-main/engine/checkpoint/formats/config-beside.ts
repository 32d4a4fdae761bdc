import { dirname } from 'node:path'
import { FusionError } from '../../../contract/errors'
import { readOwnConfig } from './component-folder'
import { isThere } from '../../files/reading/regular-file'
import type { Problem } from '../model/checkpoint'
import { configPathBeside } from '../settings-files'

/**
 * The config.json beside a file, where it is of the class that is meant; one that cannot be read is a problem to tell of,
 * since it may belong to something else.
 */
export async function configBeside(
  path: string,
  className: string,
): Promise<{ config: Record<string, unknown> | null; problems: Problem[] }> {
  const file = configPathBeside(path)
  if (!isThere(file)) return { config: null, problems: [] }
  try {
    const config = await readOwnConfig(file, dirname(path))
    return { config: config['_class_name'] === className ? config : null, problems: [] }
  } catch (error) {
    if (!(error instanceof FusionError)) throw error
    return { config: null, problems: [{ severity: 'warning', message: error.message }] }
  }
}
