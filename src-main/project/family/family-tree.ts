import type { Relative } from '../../contract/document/family'
import { asObject, objectIn, type JsonObject } from '../../contract/values/json-text'
import { MECHA_KEY, RECIPE_KEY } from '../../engine/checkpoint/describe'
import { mechaFamily } from './mecha-family'

interface OwnRecipe {
  method: string
  models: { name: string; weight?: number; enabled?: boolean; files: { sha256: string }[]; recipe?: unknown }[]
}

/** A family that names itself among its ancestors would never end, and one that a hostile file tells would be huge. */
const DEEPEST = 12
const MOST = 400

/** What is read: A1111's table of models by sha256, and how many relatives may still be told. */
interface Told {
  table: JsonObject
  left: number
}

/**
 * The family that the metadata of a file tell: this program's recipe, with recipes inside it, sd-mecha's, and A1111's
 * (`sd_merge_recipe`; `sd_merge_models` has the ancestors of all programs by sha256). Null where they tell none.
 */
export function familyOf(name: string, metadata: Readonly<Record<string, string>>): Relative | null {
  const told: Told = { table: objectIn(metadata['sd_merge_models']) ?? {}, left: MOST }
  const own = ownRecipe(objectIn(metadata[RECIPE_KEY]))
  if (own) return { name, sha256: null, weight: null, ...mergedBy(own, told, 0) }
  const field = objectIn(metadata['sd_merge_recipe'])
  const merged = mechaFamily(metadata[MECHA_KEY] ?? '') ?? (field && mergedInField(field, told, 0))
  return merged && merged.parents.length > 0 ? { name, sha256: null, weight: null, ...merged } : null
}

function mergedBy(recipe: OwnRecipe, told: Told, depth: number): Pick<Relative, 'method' | 'parents'> {
  const parents = recipe.models
    .filter(({ enabled }, index) => index === 0 || enabled !== false)
    .map(({ name, weight = null, files, recipe: inner }): Relative => {
      const sha256 = files[0]?.sha256 ?? null
      const within = depth < DEEPEST ? ownRecipe(inner) : null
      const merged = within ? mergedBy(within, told, depth + 1) : ancestors(sha256, told, depth)
      return { name, sha256, weight, ...merged }
    })
  return { method: recipe.method, parents }
}

function ancestors(sha256: string | null, told: Told, depth: number): Pick<Relative, 'method' | 'parents'> {
  const recipe =
    sha256 === null || depth >= DEEPEST ? null : asObject(asObject(told.table[sha256])?.['sd_merge_recipe'])
  return recipe ? mergedInField(recipe, told, depth + 1) : { method: null, parents: [] }
}

function mergedInField(recipe: JsonObject, told: Told, depth: number): Pick<Relative, 'method' | 'parents'> {
  const method = [recipe['interp_method'], recipe['type']].find((words) => typeof words === 'string')
  return { method: method ?? null, parents: parentsOf(recipe, told, depth) }
}

function parentsOf(recipe: JsonObject, told: Told, depth: number): Relative[] {
  const hashes = ['primary', 'secondary', 'tertiary'].map((place) => recipe[`${place}_model_hash`])
  return hashes.flatMap((sha256): Relative[] => {
    if (typeof sha256 !== 'string' || told.left-- <= 0) return []
    const name = asObject(told.table[sha256])?.['name']
    const words = typeof name === 'string' ? name : sha256.slice(0, 10)
    return [{ name: words, sha256, weight: null, ...ancestors(sha256, told, depth) }]
  })
}

function ownRecipe(value: unknown): OwnRecipe | null {
  const recipe = asObject(value)
  const models = recipe?.['models']
  if (typeof recipe?.['method'] !== 'string' || !Array.isArray(models)) return null
  const fits = models.every((model) => typeof asObject(model)?.['name'] === 'string' && Array.isArray(model.files))
  return fits ? (recipe as unknown as OwnRecipe) : null
}
