import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { PROJECT_SUFFIX } from '../project/project-file'
import type { Studio } from '../app/studio'
import { toErrorReport } from '../contract/errors'
import { isWeightsName } from '../contract/document/names/model-names'

/** Paths of projects and models among a command line's arguments; options and what is not there are left out. */
export function pathsInArguments(args: readonly string[], folder: string): string[] {
  return args
    .filter((argument) => !argument.startsWith('-') && (argument.endsWith(PROJECT_SUFFIX) || isWeightsName(argument)))
    .map((argument) => resolve(folder, argument))
    .filter((path) => existsSync(path))
}

/** Opens what was double-clicked: a project becomes the document, models are added to it. */
export async function openPaths(studio: Studio, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      if (path.endsWith(PROJECT_SUFFIX)) await studio.project.openFile(path, studio.checkPaths)
      else studio.project.edit([{ type: 'add-models', models: [{ path }] }], 'Add a model')
    } catch (error) {
      const { message, detail } = toErrorReport(error)
      studio.log.add('error', message, detail)
    }
  }
}
