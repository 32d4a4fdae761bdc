import { processorName } from '../../runtime/processor'
import { readingOf } from '../../../contract/document/project'
import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { z } from 'zod'
import { FusionError } from '../../../contract/errors'
import { primaryModel } from '../../../contract/methods/descriptor'
import { objectIn } from '../../../contract/values/json-text'
import { ARCHITECTURES } from '../../checkpoint/identify/architectures'
import type { Checkpoint } from '../../checkpoint/model/checkpoint'
import { carriedRecipes, FIELD_KEY, RECIPE_KEY } from '../../checkpoint/describe'
import { unreadable } from '../../files/reading/file-errors'
import { hashFiles } from '../../checkpoint/hash'
import { openRegularFile } from '../../files/reading/regular-file'
import { RUNTIME_VERSION, type Provider } from '../../runtime/session'
import { mergesLayers, type MergeMethod } from '../methods/method'
import { describedMetadata } from './export/described-metadata'
import type { OutputFile } from './export/output-files'
import { planBehind, settingsInUse, sourcesOf, type MergePlan } from './merge-plan'

const recipeFileSchema = z.object({ name: z.string(), sha256: z.string() })
/** One file that a model was read from. */
export type RecipeFile = z.infer<typeof recipeFileSchema>

/** What of a recipe has to be there to say what it was made from, in any version. */
const readRecipeSchema = z
  .object({
    format: z.literal('featurefusion-recipe'),
    method: z.string(),
    models: z.array(z.object({ name: z.string(), files: z.array(recipeFileSchema) }).loose()),
    vae: z.array(recipeFileSchema).nullable().default(null),
    calibration: recipeFileSchema.nullable().default(null),
  })
  .loose()
export type ReadRecipe = z.infer<typeof readRecipeSchema>

/** The recipe in a file's metadata; null where there is none. @throws FusionError 'malformed' */
export function readRecipe(path: string, metadata: Readonly<Record<string, string>>): ReadRecipe | null {
  const text = metadata[RECIPE_KEY]
  if (text === undefined) return null
  try {
    return readRecipeSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new FusionError('malformed', `The recipe in ${path} is not one of this program.`, {
      detail: cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause),
      hint: 'The file was changed after it was written, or is damaged.',
      cause,
    })
  }
}

/** Every file that a recipe was made from. */
export function recipeSources({ models, vae, calibration }: ReadRecipe): RecipeFile[] {
  return [...models.flatMap(({ files }) => files), ...(vae ?? []), ...(calibration ? [calibration] : [])]
}

/** How a checkpoint was made: what it takes to make it again, without any path, date or number of threads. */
export interface Recipe {
  format: 'featurefusion-recipe'
  version: 1
  method: string
  settings: Record<string, unknown>
  /** Base first. */
  models: {
    name: string
    weight: number
    enabled: boolean
    blocks: Record<string, number>
    layers: { pattern: string; weight: number }[]
    files: RecipeFile[]
    /** How the model itself is merged, where it is a project; its files are then the project's and its models'. */
    recipe?: Recipe
  }[]
  components: string[]
  /** What the models were said to predict; absent: what their files say. */
  prediction?: string | undefined
  /** Whether EMA copies took the place of the weights; absent: they were dropped. */
  ema?: string | undefined
  layout: string
  /** Bytes above which files were divided into shards; absent: none were. */
  shardBytes?: number
  dtype: string
  vae: RecipeFile[] | null
  /** The file with real inputs of the layers, where the method takes them. */
  calibration: RecipeFile | null
  /** Present where ONNX Runtime computed: the same bytes come out for the same values of all of these. */
  runtime: { onnxruntime: string; provider: Provider; processor: string } | null
}

/**
 * Hashes every file that a plan reads; cached by path and state. By path.
 * @throws FusionError 'source-changed' where a file is not the one that was planned with
 */
export function hashSources(plan: MergePlan, options: Parameters<typeof hashFiles>[1]): Promise<Map<string, string>> {
  return hashFiles(sourcesOf(plan), options)
}

/** The recipe of a plan. */
export function recipeOf(plan: MergePlan, hashes: ReadonlyMap<string, string>, provider: Provider): Recipe {
  const { project, method, models, components, calibration } = plan
  const { layout, shardBytes, dtype, vae } = project.output
  const filesOf = ({ files }: Checkpoint): RecipeFile[] =>
    files.map(({ path }) => ({ name: basename(path), sha256: hashes.get(path)! }))
  const used = new Set(models.flatMap(({ checkpoint }) => checkpoint.files.map(({ path }) => path)))
  return {
    format: 'featurefusion-recipe',
    version: 1,
    method: method.name,
    settings: settingsInUse(plan),
    models: models.map(({ entry: { name, weight, enabled, blocks, layers, strengths }, checkpoint }) => ({
      name,
      weight,
      enabled,
      blocks,
      layers,
      ...(strengths && { strengths }),
      files: filesOf(checkpoint),
      ...innerRecipe(checkpoint, hashes),
    })),
    components,
    ...readingOf(project),
    layout,
    ...(shardBytes !== undefined && { shardBytes }),
    dtype,
    vae: vae === undefined ? null : filesOf(plan.base).filter((_, i) => !used.has(plan.base.files[i]!.path)),
    calibration: calibration && {
      name: basename(calibration.file.path),
      sha256: hashes.get(calibration.file.path)!,
    },
    runtime: mergesLayers(method) ? { onnxruntime: RUNTIME_VERSION, provider, processor: processorName() } : null,
  }
}

/** Merges that are computed on the way are computed on the processor. */
function innerRecipe(checkpoint: Checkpoint, hashes: ReadonlyMap<string, string>): { recipe?: Recipe } {
  const inner = planBehind(checkpoint)
  return inner ? { recipe: recipeOf(inner, hashes, 'cpu') } : {}
}

/**
 * The `__metadata__` of a merged file: our recipe, the field's (A1111's `sd_merge_recipe` and `sd_merge_models`,
 * ancestors included) and modelspec.*. Values are text; no date, so that the same recipe gives the same bytes.
 */
export async function mergeMetadata(
  plan: MergePlan,
  recipe: Recipe,
  hashes: ReadonlyMap<string, string>,
): Promise<Record<string, string>> {
  const { models, base, method, project, output } = plan
  const { title, dtype } = project.output
  const first = models.map(({ checkpoint }) => hashes.get(checkpoint.files[0]!.path)!)
  const [primary, secondary, tertiary] = inOrderOfField(first, method)
  const fieldRecipe = {
    type: 'featurefusion-studio',
    primary_model_hash: primary,
    secondary_model_hash: secondary ?? null,
    tertiary_model_hash: tertiary ?? null,
    interp_method: method.title,
    multiplier: models.slice(1).map(({ entry }) => entry.weight),
    save_as_half: dtype === 'fp16',
    custom_name: title ?? null,
    config_source: 0,
    bake_in_vae: recipe.vae?.[0]?.name ?? null,
    discard_weights: '',
    is_inpainting: base.architecture.endsWith('inpainting'),
    is_instruct_pix2pix: base.architecture.endsWith('pix2pix'),
  }
  const architecture = ARCHITECTURES[base.architecture].modelspec
  const isLdm = !output.folder && (base.layout === 'single-file' || project.output.layout === 'single-file')
  return {
    ...inheritedMetadata(base.metadata),
    format: 'pt',
    [RECIPE_KEY]: JSON.stringify(recipe),
    [FIELD_KEY]: JSON.stringify(fieldRecipe),
    sd_merge_models: JSON.stringify(await mergedModels(plan, first)),
    'modelspec.sai_model_spec': '1.0.0',
    ...(architecture !== null && { 'modelspec.architecture': architecture }),
    'modelspec.implementation': isLdm ? 'sgm' : 'diffusers',
    'modelspec.title': `${method.title} of ${models.map(({ entry }) => entry.name).join(', ')}`,
    ...describedMetadata(project.output),
    ...(base.predictionType === 'v_prediction' && { 'modelspec.prediction_type': 'v' }),
    ...(base.predictionType === 'epsilon' && { 'modelspec.prediction_type': 'epsilon' }),
    'modelspec.merged_from': models.map(({ entry }) => entry.name).join(', '),
  }
}

/** Files of merged components carry the recipe; those that are copies of the base's say only what diffusers asks for. */
export function fileMetadata(
  plan: MergePlan,
  metadata: Record<string, string>,
): (file: OutputFile) => Record<string, string> {
  if (plan.models.length === 1) return () => metadata // all of a conversion is the base's
  const merged = new Set(
    plan.tasks.flatMap((task) => (task.kind === 'layer' || task.views.length > 1 ? [task.destination.file] : [])),
  )
  return (file) => (merged.has(file) ? metadata : { format: 'pt' })
}

/** What of a base's metadata is as true of the merge: whose it is, under which terms, and how it is used. */
const INHERITED =
  /^(?:modelspec\.(?:license|author|usage_hint|tags|trigger_phrase|resolution|encoder_layer|preprocessor|timestep_range)|license|license_name|license_link|author)$/

export function inheritedMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => INHERITED.test(key)))
}

/** A1111 calls the model A to which a difference B − C is added the primary one; here the base is C. */
function inOrderOfField(hashes: readonly string[], method: MergeMethod): readonly string[] {
  return primaryModel(method) === 0 ? hashes : [...hashes.slice(1), hashes[0]!]
}

/**
 * A1111's table of the merged models by sha256, and of the models that these were merged from, with the recipes that
 * their files carry: A1111's, and beside it this program's and sd-mecha's, which other readers pass over.
 */
async function mergedModels({ models }: MergePlan, sha256: readonly string[]): Promise<Record<string, unknown>> {
  const table: Record<string, unknown> = {}
  for (const [index, { entry, checkpoint }] of models.entries()) {
    const { metadata, files } = checkpoint
    Object.assign(table, objectIn(metadata['sd_merge_models']))
    table[sha256[index]!] = {
      name: entry.name,
      legacy_hash: await legacyHash(files[0]!.path),
      ...carriedRecipes(metadata),
    }
  }
  return table
}

/** The 8-character hash by which the field knew models before sha256: of 64 KB at 1 MB. */
async function legacyHash(path: string): Promise<string> {
  const handle = await openRegularFile(path)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(0x10000), 0, 0x10000, 0x100000)
    return createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex').slice(0, 8)
  } catch (cause) {
    throw unreadable(path, cause)
  } finally {
    await handle.close()
  }
}
