import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import type { Project } from '../../contract/document/project'
import { PROJECT_SUFFIX, writeProject } from '../../project/project-file'
import { restoreRecipe } from '../../project/restore-recipe'
import { methodNamed } from '../../engine/merge/methods/index'
import { cacheFolder } from '../folders'
import { lines, printResult, runCommand, UsageError, type CommonOptions } from '../output/output'

interface RecipeOptions extends CommonOptions {
  out?: string
  overwrite?: boolean
}

/** `featurefusion recipe`: how an export was made, as a project that makes it again or is a model of another merge. */
export function addRecipeCommand(program: Command): void {
  program
    .command('recipe <file>')
    .description('say how an export was made, by the recipe in it or in a *.json, and write that as a project')
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
        const { project, missing } = await restoreRecipe(resolve(file), cacheFolder(), () => Promise.resolve(true))
        if (out !== undefined) await writeProject(out, project, overwrite)
        printResult(options, { project, missing, out: out ?? null }, () => recipeInWords(project, missing, out))
      }),
    )
}

function recipeInWords({ method, models }: Project, missing: readonly string[], out: string | undefined): string {
  return lines([
    `Method   ${methodNamed(method.name).title}`,
    ...models.map(({ name, path, weight, enabled }, index) => {
      const state = missing.includes(name) ? ' (NOT FOUND: expected here)' : enabled ? '' : ' (left out)'
      return `${index === 0 ? 'Base     ' : 'Model    '}${name}, weight ${weight}: ${path}${state}`
    }),
    ...(out === undefined ? [] : [`Written  ${out}`]),
    ...(missing.length === 0
      ? []
      : [
          `Files are known by their contents once they were hashed (featurefusion open FILE). Not found: ${missing.join(', ')}.`,
        ]),
  ])
}
