import { dirname } from 'node:path'
import { z } from 'zod'
import { FusionError } from '../contract/errors'
import { isProjectPath, isRecipeName, modelNames } from '../contract/document/names/model-names'
import {
  methodSchema,
  modelSchema,
  outputSchema,
  projectSchema,
  type ModelEntry,
  type Project,
  readingOf,
} from '../contract/document/project'
import { ownFile } from '../engine/files/reading/own-file'
import { readSmallText } from '../engine/files/reading/regular-file'
import { SMALL_FILES } from '../engine/files/reading/small-files'
import { openModel } from '../engine/merge/open-model'
import { RECIPE_KEY } from '../engine/checkpoint/describe'
import { EMPTY_PROJECT } from './edits'
import { readForeignMetadata, readForeignText } from './foreign/read-foreign'
import { restoreForeign } from './foreign/restore-foreign'
import { fileOfHash, modelOfFiles, type ModelSearch } from './model-search'

const recipeSchema = z.object({
  format: z.literal('featurefusion-recipe'),
  method: methodSchema.shape.name,
  settings: z.record(z.string(), z.unknown()),
  models: z.array(
    modelSchema
      .pick({ name: true, weight: true, enabled: true, blocks: true, layers: true, strengths: true })
      .extend({ files: z.array(z.object({ name: z.string(), sha256: z.string() })).min(1) })
      .loose(),
  ),
  calibration: z.object({ name: z.string(), sha256: z.string() }).nullable().default(null),
  components: z.array(z.string()),
  prediction: projectSchema.shape.prediction,
  ema: projectSchema.shape.ema,
  layout: outputSchema.shape.layout,
  shardBytes: outputSchema.shape.shardBytes,
  dtype: outputSchema.shape.dtype,
})

/**
 * The project that made an exported checkpoint, from the recipe in its metadata (this program's, or one that A1111's web
 * UI or sd-mecha left there), or from a file that holds a recipe alone: *.json, sd-mecha's *.mecha, mergekit's YAML.
 * Sources are found by their hashes among the files that this program has hashed; a model whose files are not found is
 * looked for beside the recipe, by name.
 * @returns with the names of models and files that were not found
 * @throws FusionError 'unsupported' where there is no recipe, or one of another program that cannot become a project;
 * whatever opening throws
 */
export async function restoreRecipe(
  path: string,
  search: ModelSearch,
): Promise<{ project: Project; title: string; missing: string[] }> {
  if (isRecipeName(path)) return restoreForeign(path, await readForeignText(path), undefined, search)
  if (path.toLowerCase().endsWith('.json') && !isProjectPath(path)) {
    return restoreOwn(path, await readSmallText(path, SMALL_FILES.project), search)
  }
  const { metadata, components } = await openModel(path)
  const text = metadata[RECIPE_KEY]
  if (text !== undefined) return restoreOwn(path, text, search)
  return restoreForeign(path, readForeignMetadata(path, metadata), components.keys(), search)
}

async function restoreOwn(
  path: string,
  text: string,
  search: ModelSearch,
): Promise<{ project: Project; title: string; missing: string[] }> {
  const recipe = parseRecipe(path, text)
  const missing: string[] = []
  const models: ModelEntry[] = []
  for (const { files, ...model } of recipe.models) {
    const found = await modelOfFiles(files, search)
    if (found === null) missing.push(model.name)
    models.push({ ...model, path: found ?? ownFile(dirname(path), files[0]!.name, path) })
  }
  const calibration = recipe.calibration && (await fileOfHash(recipe.calibration.sha256, search))
  if (recipe.calibration && calibration === null) missing.push(recipe.calibration.name)
  const method = methodSchema.safeParse({
    ...recipe.settings,
    name: recipe.method,
    ...(recipe.calibration && { calibration: calibration ?? ownFile(dirname(path), recipe.calibration.name, path) }),
  })
  if (!method.success) throw malformed(path, method.error)
  const { components, layout, shardBytes, dtype } = recipe
  const include = outputSchema.shape.include.safeParse(components)
  const output = outputSchema.parse({ layout, shardBytes, dtype, ...(include.success && { include: include.data }) })
  return {
    project: { ...EMPTY_PROJECT, ...readingOf(recipe), models, method: method.data, output },
    title: modelNames([{ path }])[0]!,
    missing,
  }
}

function parseRecipe(path: string, text: string): z.infer<typeof recipeSchema> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw malformed(path, cause)
  }
  const parsed = recipeSchema.safeParse(value)
  if (!parsed.success) throw malformed(path, parsed.error)
  return parsed.data
}

function malformed(path: string, cause: unknown): FusionError {
  return new FusionError('malformed', `The recipe in ${path} cannot be read.`, {
    detail: cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause),
    cause,
  })
}
