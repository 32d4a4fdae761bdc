import { basename, dirname } from 'node:path'
import { z } from 'zod'
import { FusionError } from '../contract/errors'
import { isProjectPath, modelNames } from '../contract/document/model-names'
import {
  MERGEABLE_COMPONENTS,
  methodSchema,
  modelSchema,
  outputSchema,
  projectSchema,
  type ModelEntry,
  type Project,
  readingOf,
} from '../contract/document/project'
import { cachedPaths } from '../engine/checkpoint/hash'
import { ownFile } from '../engine/files/reading/own-file'
import { readSmallText } from '../engine/files/reading/regular-file'
import { SMALL_FILES } from '../engine/files/reading/small-files'
import { filesOfModel, openModel } from '../engine/merge/open-model'
import { RECIPE_KEY } from '../engine/checkpoint/describe'
import { EMPTY_PROJECT } from './edits'
import { readForeignRecipe } from './foreign-recipe'

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
 * The project that made an exported checkpoint, from the recipe in its metadata, or from a file that holds such a recipe
 * alone (*.json). Sources are found by their hashes among the files that this program has hashed; a model whose files are
 * not found is looked for beside the export, by name.
 * @param mayRead whether a source may be used
 * @returns with the names of models and files that were not found
 * @throws FusionError 'unsupported' where there is no recipe, or one of another program that cannot become a project;
 * whatever opening throws
 */
export async function restoreRecipe(
  path: string,
  cacheFolder: string,
  mayRead: (path: string) => Promise<boolean>,
): Promise<{ project: Project; title: string; missing: string[] }> {
  const text = await recipeText(path)
  if (text === undefined) return restoreForeign(path, cacheFolder, mayRead)
  const recipe = parseRecipe(path, text)
  const missing: string[] = []
  const models: ModelEntry[] = []
  for (const { files, ...model } of recipe.models) {
    const found = await sourcePath(files, cacheFolder, mayRead)
    if (found === null) missing.push(model.name)
    models.push({ ...model, path: found ?? ownFile(dirname(path), files[0]!.name, path) })
  }
  const calibration = recipe.calibration && (await readablePath(recipe.calibration.sha256, cacheFolder, mayRead))
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

/** The same from a recipe of another program. */
async function restoreForeign(
  path: string,
  cacheFolder: string,
  mayRead: (path: string) => Promise<boolean>,
): Promise<{ project: Project; title: string; missing: string[] }> {
  const { metadata, components } = await openModel(path)
  const recipe = readForeignRecipe(path, metadata)
  const missing: string[] = []
  const models: ModelEntry[] = []
  for (const [index, { sha256, weight, name }] of recipe.models.entries()) {
    const unique = recipe.models.findIndex((other) => other.name === name) === index ? name : `${name} ${index + 1}`
    const files = [{ name: `${name}.safetensors`, sha256 }]
    const found = await sourcePath(files, cacheFolder, mayRead)
    if (found === null) missing.push(unique)
    models.push(
      modelSchema.parse({ name: unique, weight, path: found ?? ownFile(dirname(path), files[0]!.name, path) }),
    )
  }
  // Other programs merge all that a file has.
  const include = MERGEABLE_COMPONENTS.filter((name) => components.has(name))
  const output = outputSchema.parse({ ...(recipe.half && { dtype: 'fp16' }), ...(include.length > 0 && { include }) })
  const method = methodSchema.parse({ name: recipe.method })
  return { project: { ...EMPTY_PROJECT, models, method, output }, title: modelNames([{ path }])[0]!, missing }
}

async function recipeText(path: string): Promise<string | undefined> {
  if (path.toLowerCase().endsWith('.json') && !isProjectPath(path)) return readSmallText(path, SMALL_FILES.project)
  return (await openModel(path)).metadata[RECIPE_KEY]
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

/** A file with this hash that may be read, or null. */
async function readablePath(
  sha256: string,
  cacheFolder: string,
  mayRead: (path: string) => Promise<boolean>,
): Promise<string | null> {
  for (const path of await cachedPaths(sha256, cacheFolder)) if (await mayRead(path)) return path
  return null
}

/** The path that opens a model which these files belong to: a single file, a component's folder, or a pipeline. */
async function sourcePath(
  files: readonly { name: string; sha256: string }[],
  cacheFolder: string,
  mayRead: (path: string) => Promise<boolean>,
): Promise<string | null> {
  const found = await Promise.all(files.map(({ sha256 }) => cachedPaths(sha256, cacheFolder)))
  for (const first of found[0]!) {
    const folder = dirname(first)
    const inFolder = basename(first) !== basename(folder) && /^((diffusion_)?pytorch_)?model[.-]/.test(basename(first))
    const pipeline = dirname(folder)
    const candidate =
      files.length === 1
        ? inFolder
          ? folder
          : first
        : found.every((paths) => paths.some((other) => dirname(other) === folder))
          ? folder
          : pipeline
    if (!(await mayRead(candidate))) continue
    const opened = await filesOfModel(candidate).catch(() => null)
    if (opened?.length === files.length) return candidate
  }
  return null
}
