import type { Relative } from '../../contract/document/family'
import { asObject, objectIn, type JsonObject } from '../../contract/values/json-text'
import { carriedRecipes, FIELD_KEY, MECHA_KEY, RECIPE_KEY, type CarriedRecipes } from '../../engine/checkpoint/describe'
import { mechaFamily } from './mecha-family'

interface OwnRecipe {
  method: string
  models: { name: string; weight?: number; enabled?: boolean; files: { sha256: string }[]; recipe?: unknown }[]
}

/** A family that names itself among its ancestors would never end, and one that a hostile file tells would be huge. */
const DEEPEST = 12
const MOST = 400

type Merged = Pick<Relative, 'method' | 'parents'>

/** What is read: A1111's table of models by sha256, texts of sd-mecha that were read, how many relatives may be told. */
interface Told {
  table: JsonObject
  mecha: Map<string, Merged | null>
  left: number
}

/**
 * The family that the metadata of a file tell: this program's recipe, with recipes inside it, sd-mecha's, or A1111's.
 * `sd_merge_models` has the recipes of all ancestors by sha256, each read as that of the file. Null where they tell none.
 */
export function familyOf(name: string, metadata: Readonly<Record<string, string>>): Relative | null {
  const told: Told = { table: objectIn(metadata['sd_merge_models']) ?? {}, mecha: new Map(), left: MOST }
  const merged = mergedAs(carriedRecipes(metadata), told, 0)
  return merged && merged.parents.length > 0 ? { name, sha256: null, weight: null, ...merged } : null
}

/** How a model was merged, by the recipes that its file carries: this program's says most, A1111's names three models. */
function mergedAs(recipes: CarriedRecipes, told: Told, depth: number): Merged | null {
  const own = ownRecipe(recipes[RECIPE_KEY])
  if (own) return mergedBy(own, told, depth)
  const mecha = recipes[MECHA_KEY]
  const field = asObject(recipes[FIELD_KEY])
  return (typeof mecha === 'string' ? mergedByMecha(mecha, told) : null) ?? (field && mergedInField(field, told, depth))
}

function mergedBy(recipe: OwnRecipe, told: Told, depth: number): Merged {
  const parents = recipe.models
    .filter(({ enabled }, index) => index === 0 || enabled !== false)
    .flatMap(({ name, weight = null, files, recipe: inner }): Relative[] => {
      if (told.left-- <= 0) return []
      const sha256 = files[0]?.sha256 ?? null
      const within = depth < DEEPEST ? ownRecipe(inner) : null
      const merged = within ? mergedBy(within, told, depth + 1) : ancestors(sha256, told, depth)
      return [{ name, sha256, weight, ...merged }]
    })
  return { method: recipe.method, parents }
}

/** Steps inside one another are told whole, or not at all. */
function mergedByMecha(text: string, told: Told): Merged | null {
  if (told.left <= 0) return null
  if (!told.mecha.has(text)) told.mecha.set(text, mechaFamily(text))
  const merged = told.mecha.get(text)!
  told.left -= merged ? sizeOf(merged) : 1
  return merged
}

function sizeOf({ parents }: Merged): number {
  return parents.reduce((sum, parent) => sum + 1 + sizeOf(parent), 0)
}

function ancestors(sha256: string | null, told: Told, depth: number): Merged {
  const entry = sha256 === null || depth >= DEEPEST ? null : asObject(told.table[sha256])
  return (entry && mergedAs(entry, told, depth + 1)) ?? { method: null, parents: [] }
}

function mergedInField(recipe: JsonObject, told: Told, depth: number): Merged {
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
