import { elementCount, type ElementType } from '../tensor/element-type'
import { objectIn } from '../../contract/values/json-text'
import { withoutFolders } from './mecha-places'
import type { Checkpoint, Component, ComponentName, Layout } from './model/checkpoint'
import type { SourceFile, StoredTensor } from './containers/container'
import { groupExtras, groupInWords } from './model/extras'
import { cachedHash, shortHash } from './hash'

/** Key of our recipe in a file's metadata. */
export const RECIPE_KEY = 'featurefusion.recipe'
/** sd-mecha's recipe. */
export const MECHA_KEY = 'mecha_recipe'
/** A1111's recipe. */
export const FIELD_KEY = 'sd_merge_recipe'
/** Metadata keys that carry a merge's recipe: ours, then A1111's and sd-mecha's. */
const RECIPE_KEYS = [RECIPE_KEY, FIELD_KEY, 'sd_merge_models', MECHA_KEY] as const
const MODELSPEC = 'modelspec.'

/** Number of stored tensors by element type; of those with scales by 'F8_E4M3 with scales'. */
export type ElementTypeCounts = Partial<Record<ElementType | `${ElementType} with scales`, number>>

export interface ComponentSummary {
  name: ComponentName
  tensors: number
  parameters: number
  elementTypes: ElementTypeCounts
}

/** What a checkpoint is, as plain data: what `featurefusion open --json` prints. */
export interface CheckpointSummary extends Pick<
  Checkpoint,
  'path' | 'architecture' | 'predictionType' | 'problems' | 'emaCopies'
> {
  layout: Layout | 'adapter'
  components: ComponentSummary[]
  parameters: number
  elementTypes: ElementTypeCounts
  /** Names of the stored tensors that belong to no component. */
  extras: string[]
  /** The same by what they are, in words. */
  leftAside: string[]
  /** Bytes of all weights files. */
  size: number
  /** Hashes are null until they have been computed (hash.ts). */
  files: { path: string; size: number; sha256: string | null; shortHash: string | null }[]
  /** By metadata key, parsed where it is JSON; null where the file carries none. */
  recipe: Partial<Record<(typeof RECIPE_KEYS)[number], unknown>> | null
  /** The modelspec.* metadata, without this prefix. */
  modelspec: Record<string, string>
  /** Of an adapter: it has no parts. */
  adapter: AdapterFacts | null
}

/** What people want to know of an adapter (LoRA and the like) before they use it. */
export interface AdapterFacts {
  /** In words, with its article. */
  kind: string
  /** How many modules of a model it changes. */
  modules: number
  /** All that occur, from the smallest on; none for forms without. */
  ranks: number[]
  alphas: number[]
  /** The model, or the kind of model, that its metadata name. */
  base: string | null
  /** The commonest words of the captions that it was trained with, where its metadata count them. */
  triggerWords: string[]
}

/** Summarises a checkpoint; hashes come from the cache alone, no weight is read. */
export async function describeCheckpoint(
  checkpoint: Checkpoint,
  options: { cacheFolder?: string } = {},
): Promise<CheckpointSummary> {
  const { path, layout, architecture, predictionType, problems, extras, metadata, emaCopies } = checkpoint
  const components = [...checkpoint.components.values()].map(describeComponent)
  const stored = [...checkpoint.components.values()].flatMap((component) => [...storedTensors(component)])
  return {
    path,
    layout,
    architecture,
    predictionType,
    components,
    parameters: components.reduce((sum, { parameters }) => sum + parameters, 0),
    extras: extras.map(({ name }) => name),
    leftAside: groupExtras(extras).map(groupInWords),
    ...(await describeFiles(checkpoint.files, [...stored, ...extras], options)),
    ...parsedRecipes(metadata),
    problems,
    emaCopies,
    adapter: null,
  }
}

/** Files with the hashes that are known, and what is stored in them. */
export async function describeFiles(
  files: readonly SourceFile[],
  stored: readonly StoredTensor[],
  { cacheFolder }: { cacheFolder?: string },
): Promise<Pick<CheckpointSummary, 'elementTypes' | 'size' | 'files'>> {
  return {
    elementTypes: countTypes(stored),
    size: files.reduce((sum, { size }) => sum + size, 0),
    files: await Promise.all(
      files.map(async ({ path, size }) => {
        const sha256 = (await cachedHash(path, cacheFolder)) ?? null
        return { path, size, sha256, shortHash: sha256 && shortHash(sha256) }
      }),
    ),
  }
}

/** The recipes that a file carries, of every program that leaves one: the objects, sd-mecha's as its text. */
export interface CarriedRecipes {
  [RECIPE_KEY]?: unknown
  [MECHA_KEY]?: unknown
  [FIELD_KEY]?: unknown
}

/** Those in the metadata of a file, without folders; A1111's is null where there is none, as in its own tables. */
export function carriedRecipes(metadata: Readonly<Record<string, string>>): CarriedRecipes {
  const own = objectIn(metadata[RECIPE_KEY])
  const mecha = metadata[MECHA_KEY]
  return {
    [FIELD_KEY]: objectIn(metadata[FIELD_KEY]),
    ...(own && { [RECIPE_KEY]: own }),
    ...(mecha !== undefined && { [MECHA_KEY]: withoutFolders(mecha) }),
  }
}

/** What the metadata of a file say of how it was made and what it is. */
export function parsedRecipes(
  metadata: Readonly<Record<string, string>>,
): Pick<CheckpointSummary, 'recipe' | 'modelspec'> {
  const recipe = RECIPE_KEYS.flatMap((key) => {
    const text = metadata[key]
    return text === undefined ? [] : [[key, parsed(text)] as const]
  })
  const modelspec = Object.entries(metadata).filter(([key]) => key.startsWith(MODELSPEC))
  return {
    recipe: recipe.length > 0 ? Object.fromEntries(recipe) : null,
    modelspec: Object.fromEntries(modelspec.map(([key, value]) => [key.slice(MODELSPEC.length), value])),
  }
}

function describeComponent(component: Component): ComponentSummary {
  return {
    name: component.name,
    tensors: component.tensors.size,
    parameters: [...component.tensors.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0),
    elementTypes: countTypes(storedTensors(component)),
  }
}

function storedTensors({ tensors }: Component): Set<StoredTensor> {
  return new Set([...tensors.values()].map(({ stored }) => stored))
}

function countTypes(tensors: Iterable<StoredTensor>): ElementTypeCounts {
  const counts: ElementTypeCounts = {}
  for (const { elementType, scaled } of tensors) {
    const type = scaled ? (`${scaled.codes.elementType} with scales` as const) : elementType
    counts[type] = (counts[type] ?? 0) + 1
  }
  return counts
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
