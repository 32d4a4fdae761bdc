import { z } from 'zod'

/** What a file or folder of a model library is. */
export const LIBRARY_KINDS = [
  'checkpoint',
  'diffusers',
  'unet',
  'adapter',
  'vae',
  'text-encoder',
  'embedding',
  'other',
  'unreadable',
] as const

/** Kinds of models by what they were made from; 'other' has a name of its own. */
export const BASE_FAMILIES = ['sd1', 'sd2', 'sdxl', 'other'] as const

/** Programs whose folders are known. 'folder': a person's own. */
export const LIBRARY_PROGRAMS = ['webui', 'forge', 'comfyui', 'invokeai', 'hugging-face', 'folder'] as const

export const LIBRARY_SORTS = ['name', 'size', 'time', 'kind', 'base'] as const

/** What a model's headers tell. */
export const modelFactsSchema = z.object({
  kind: z.enum(LIBRARY_KINDS),
  /** More exactly, in words: 'LoRA (low-rank adapter)', 'ControlNet'; null where the kind says all. */
  form: z.string().nullable(),
  /** Of an adapter: the largest. */
  rank: z.number().nullable(),
  base: z.enum(BASE_FAMILIES).nullable(),
  /** In words: 'SDXL inpainting'. */
  baseTitle: z.string().nullable(),
  /** Why it cannot be read. */
  problem: z.string().nullable(),
  /** How it is used, where it cannot be merged. */
  note: z.string().nullable(),
})

export const libraryEntrySchema = modelFactsSchema.extend({
  name: z.string(),
  path: z.string(),
  /** Where a link leads; null for what is none. */
  target: z.string().nullable(),
  /** Of the program in whose folders it lies. */
  program: z.enum(LIBRARY_PROGRAMS),
  /** Whether it is a folder of several files. */
  isFolder: z.boolean(),
  /** Bytes of all weights. */
  size: z.number(),
  /** Of the last modification, in milliseconds since 1970. */
  time: z.number(),
  /** The picture of it: a file beside it, or the model's own path where the picture is inside. */
  thumbnail: z.string().nullable(),
  /** Of a single file, where it was computed before. */
  sha256: z.string().nullable(),
  /** Its first 10 digits, by which web UIs know a file (AutoV2). */
  shortHash: z.string().nullable(),
})

export const libraryFolderSchema = z.object({
  path: z.string(),
  program: z.enum(LIBRARY_PROGRAMS).nullable(),
  /** Number of models that were found in it. */
  models: z.number(),
  problem: z.string().nullable(),
})

export const libraryListingSchema = z.object({
  folders: z.array(libraryFolderSchema),
  entries: z.array(libraryEntrySchema),
  /** What was left out, in words. */
  notes: z.array(z.string()),
})

export type LibraryKind = (typeof LIBRARY_KINDS)[number]
export type BaseFamily = (typeof BASE_FAMILIES)[number]
export type LibraryProgram = (typeof LIBRARY_PROGRAMS)[number]
export type LibrarySort = (typeof LIBRARY_SORTS)[number]
export type ModelFacts = z.infer<typeof modelFactsSchema>
export type LibraryEntry = z.infer<typeof libraryEntrySchema>
export type LibraryFolder = z.infer<typeof libraryFolderSchema>
export type LibraryListing = z.infer<typeof libraryListingSchema>

/** Which entries are wanted; an absent or empty list means all. */
export interface LibraryFilter {
  /** Words that must all be in its name, path, kind, base or hash; case does not matter. */
  search?: string
  kinds?: readonly LibraryKind[]
  /** null: those whose base is not known. */
  bases?: readonly (BaseFamily | null)[]
}

export const KIND_TITLES: Readonly<Record<LibraryKind, string>> = {
  checkpoint: 'Checkpoint',
  diffusers: 'Diffusers folder',
  unet: 'UNet',
  adapter: 'Adapter',
  vae: 'VAE',
  'text-encoder': 'Text encoder',
  embedding: 'Textual inversion',
  other: 'Other network',
  unreadable: 'Unreadable',
}

export const PROGRAM_TITLES: Readonly<Record<LibraryProgram, string>> = {
  webui: "A1111's web UI",
  forge: 'Forge',
  comfyui: 'ComfyUI',
  invokeai: 'InvokeAI',
  'hugging-face': "Hugging Face's cache",
  folder: 'folder',
}

/** What an entry is, in few words: 'LoRA, rank 32', 'Checkpoint'. */
export function kindInWords({ kind, form, rank }: Pick<LibraryEntry, 'kind' | 'form' | 'rank'>): string {
  const own = form === null ? KIND_TITLES[kind] : form.replace(/ \(.*\)$/, '')
  return rank === null ? own : `${own}, rank ${rank}`
}

/** Whether an entry is one file, so that it has a hash. */
export function isHashable({ isFolder, kind }: Pick<LibraryEntry, 'isFolder' | 'kind'>): boolean {
  return !isFolder && kind !== 'unreadable'
}

/** Whether an entry can be a model of a merge. */
export function isMergeable({ kind }: Pick<LibraryEntry, 'kind'>): boolean {
  return kind !== 'embedding' && kind !== 'unreadable'
}

/** The entries that a filter lets through, in the order in which they come. */
export function filterLibrary(
  entries: readonly LibraryEntry[],
  { search = '', kinds = [], bases = [] }: LibraryFilter,
): LibraryEntry[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  return entries.filter((entry) => {
    if (kinds.length > 0 && !kinds.includes(entry.kind)) return false
    if (bases.length > 0 && !bases.includes(entry.base)) return false
    const text = textOf(entry)
    return words.every((word) => text.includes(word))
  })
}

/** Sorted: names and kinds from A on, sizes and times from the largest and newest on. What is equal, by name. */
export function sortLibrary(entries: readonly LibraryEntry[], by: LibrarySort): LibraryEntry[] {
  // Made here: the first one takes 10 ms, of which programs that list no models have no use.
  const names = new Intl.Collator('en', { numeric: true })
  const byName = (a: LibraryEntry, b: LibraryEntry): number =>
    names.compare(a.name, b.name) || (a.path < b.path ? -1 : Number(a.path > b.path))
  const orders: Record<LibrarySort, (a: LibraryEntry, b: LibraryEntry) => number> = {
    name: () => 0,
    size: (a, b) => b.size - a.size,
    time: (a, b) => b.time - a.time,
    kind: (a, b) => LIBRARY_KINDS.indexOf(a.kind) - LIBRARY_KINDS.indexOf(b.kind),
    base: (a, b) => baseOrder(a) - baseOrder(b) || names.compare(a.baseTitle ?? '', b.baseTitle ?? ''),
  }
  return [...entries].sort((a, b) => orders[by](a, b) || byName(a, b))
}

/** Unknown bases come last. */
function baseOrder({ base }: LibraryEntry): number {
  return base === null ? BASE_FAMILIES.length : BASE_FAMILIES.indexOf(base)
}

function textOf({ name, path, kind, form, baseTitle, sha256 }: LibraryEntry): string {
  return [name, path, KIND_TITLES[kind], form ?? '', baseTitle ?? '', sha256 ?? ''].join('\n').toLowerCase()
}
