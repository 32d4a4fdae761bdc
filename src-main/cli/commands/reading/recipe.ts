import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import type { Project } from '../../../contract/document/project'
import { methodWords } from '../../../contract/methods/words'
import { PROJECT_SUFFIX, writeProject } from '../../../project/project-file'
import { restoreRecipe } from '../../../project/restore-recipe'
import { listModels } from '../../../engine/library/list-models'
import { cacheFolder } from '../../folders'
import { lines, printResult, runCommand, UsageError, type CommonOptions } from '../../output/output'
import { libraryFolders } from '../../settings'

interface RecipeOptions extends CommonOptions {
  out?: string
  overwrite?: boolean
}

/** `featurefusion recipe`: how a merge was made, as a project that makes it again or is a model of another merge. */
export function addRecipeCommand(program: Command): void {
  program
    .command('recipe <file>')
    .description(
      "say how a merge was made, and write that as a project: by the recipe in an export, in a file that A1111's web UI " +
        "or sd-mecha merged, or in a text (*.json of this program, *.mecha of sd-mecha, mergekit's *.yml)",
    )
    .addOption(
      new Option('--out <file>', `write the recipe as a project (*${PROJECT_SUFFIX}), which can be a model, too`),
    )
    .option('--overwrite', 'replace a project at --out; nothing else is replaced')
    .option('--json', 'results as JSON')
    .action((file: string, options: RecipeOptions) =>
      runCommand(options, async () => {
        const { out, overwrite = false } = options
        if (out !== undefined && !out.endsWith(PROJECT_SUFFIX))
          throw new UsageError(`--out ${out} does not end in ${PROJECT_SUFFIX}.`)
        const search = {
          cacheFolder: cacheFolder(),
          mayRead: () => Promise.resolve(true),
          listed: async () => (await listModels(await libraryFolders(), { cacheFolder: cacheFolder() })).entries,
        }
        const { project, missing } = await restoreRecipe(resolve(file), search)
        if (out !== undefined) await writeProject(out, project, overwrite)
        printResult(options, { project, missing, out: out ?? null }, () => recipeInWords(project, missing, out))
      }),
    )
}

function recipeInWords({ method, models }: Project, missing: readonly string[], out: string | undefined): string {
  return lines([
    `Method   ${methodWords(method)}`,
    ...models.map(({ name, path, weight, blocks, enabled }, index) => {
      const state = missing.includes(name) ? ' (NOT FOUND: expected here)' : enabled ? '' : ' (left out)'
      const number = Object.keys(blocks).length
      const apart = number === 0 ? '' : ` (${number} blocks have their own)`
      return `${index === 0 ? 'Base     ' : 'Model    '}${name}, weight ${weight}${apart}: ${path}${state}`
    }),
    ...(out === undefined ? [] : [`Written  ${out}`]),
    ...(missing.length === 0
      ? []
      : [
          'Files are known by their contents once they were hashed (featurefusion open FILE); those of a recipe without ' +
            `hashes by their names, there and in the library’s folders. Not found: ${missing.join(', ')}.`,
        ]),
  ])
}
