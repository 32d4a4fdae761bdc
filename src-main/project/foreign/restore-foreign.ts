import { dirname } from 'node:path'
import { isRecipeName, isWeightsName, modelNames } from '../../contract/document/names/model-names'
import {
  MERGEABLE_COMPONENTS,
  methodSchema,
  modelSchema,
  outputSchema,
  type ModelEntry,
  type OutputSettings,
  type Project,
} from '../../contract/document/project'
import { ownFile } from '../../engine/files/reading/own-file'
import { openModel } from '../../engine/merge/open-model'
import { EMPTY_PROJECT } from '../edits'
import { modelOfFiles, modelOfPlace, type ModelSearch } from '../model-search'
import type { ForeignModel, ForeignRecipe } from './foreign-recipe'

/**
 * The project of another program's recipe. Models are found by their hashes, where the recipe has them, or by their
 * names; one that is not found stands where it would be expected, beside the recipe.
 * @param path the file that holds the recipe
 * @param parts of the file that was merged; undefined where the recipe is a text alone
 * @returns with the names of models that were not found
 */
export async function restoreForeign(
  path: string,
  recipe: ForeignRecipe,
  parts: Iterable<string> | undefined,
  search: ModelSearch,
): Promise<{ project: Project; title: string; missing: string[] }> {
  const listed = once(async () => (await search.listed?.()) ?? [])
  const missing: string[] = []
  const models: ModelEntry[] = []
  for (const [index, model] of recipe.models.entries()) {
    const isTwice = recipe.models.findIndex(({ name }) => name === model.name) !== index
    const name = isTwice ? `${model.name} ${index + 1}` : model.name
    const place = await placeOf(model, dirname(path), { ...search, listed })
    if (place === null) missing.push(name)
    const { weight, blocks } = model
    models.push(modelSchema.parse({ name, weight, blocks, path: place ?? expected(model, path) }))
  }
  const found = models.filter(({ name }) => !missing.includes(name))
  const include = await included(
    found.map((model) => model.path),
    parts,
    recipe,
  )
  const { dtype } = recipe
  const output = outputSchema.parse({ ...(dtype !== 'same' && { dtype }), ...(include && { include }) })
  const method = methodSchema.parse(recipe.method)
  return {
    project: { ...EMPTY_PROJECT, models, method, output },
    title: modelNames([{ path: withoutEnding(path) }])[0]!,
    missing,
  }
}

function placeOf({ sha256, place }: ForeignModel, folder: string, search: ModelSearch): Promise<string | null> {
  return sha256 === null ? modelOfPlace(place, folder, search) : modelOfFiles([{ sha256 }], search)
}

/** Where a model that is not found would be. */
function expected({ name, place }: ForeignModel, path: string): string {
  const ending = isWeightsName(place) ? place.slice(place.lastIndexOf('.')) : ''
  return ownFile(dirname(path), `${name}${ending}`, path)
}

/** Other programs merge all that the files have; what one of them lacks stays as the base has it. */
async function included(
  found: readonly string[],
  parts: Iterable<string> | undefined,
  recipe: ForeignRecipe,
): Promise<OutputSettings['include'] | null> {
  const opened = await Promise.all(found.map((path) => openModel(path).catch(() => null)))
  // An adapter is no model by itself, and changes what it changes.
  const held = opened.flatMap((model) => (model ? [[...model.components.keys()] as string[]] : []))
  const own = parts ?? held[0] ?? recipe.parts ?? []
  const named = [...own]
  const include = MERGEABLE_COMPONENTS.filter((name) => named.includes(name) && held.every((has) => has.includes(name)))
  return include.length > 0 ? include : null
}

/** Of a text, which is no model whose ending goes by itself. */
function withoutEnding(path: string): string {
  return isRecipeName(path) ? path.slice(0, path.lastIndexOf('.')) : path
}

/** The library is listed once, if at all. */
function once<Result>(compute: () => Promise<Result>): () => Promise<Result> {
  let result: Promise<Result> | undefined
  return () => (result ??= compute())
}
