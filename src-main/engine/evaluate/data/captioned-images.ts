import { basename, extname, join, relative, resolve, sep } from 'node:path'
import { z } from 'zod'
import { FusionError } from '../../../contract/errors'
import { checkPrompt } from '../../../contract/values/prompt'
import { filesBelow } from '../../files/reading/files-below'
import { ownFile } from '../../files/reading/own-file'
import { readSmallText } from '../../files/reading/regular-file'
import { SMALL_FILES } from '../../files/reading/small-files'
import { isPictureName } from '../../image/image-file'

/** A picture of a folder with its caption; `split` is null where nothing says which one it belongs to. */
export interface CaptionedImage {
  path: string
  domain: string
  caption: string
  split: 'held-out' | 'train' | null
}

/** What folders and metadata call the two splits. */
const SPLIT_WORDS: Readonly<Record<string, 'held-out' | 'train'>> = {
  train: 'train',
  training: 'train',
  test: 'held-out',
  val: 'held-out',
  valid: 'held-out',
  validation: 'held-out',
  eval: 'held-out',
  'held-out': 'held-out',
  held_out: 'held-out',
  heldout: 'held-out',
}

/** Files that hold the captions of a folder's pictures. */
const METADATA_FILES = ['metadata.jsonl', 'captions.json'] as const
/** Names that a message lists; its detail has all. */
const MOST_NAMED = 5

const detailsSchema = z.object({
  text: z.string().optional(),
  caption: z.string().optional(),
  split: z.string().optional(),
  domain: z.string().optional(),
})
const entrySchema = detailsSchema.extend({ file_name: z.string().min(1) })
const captionsSchema = z.union([z.array(entrySchema), z.record(z.string(), z.union([z.string(), detailsSchema]))])

type Details = z.infer<typeof detailsSchema>

/**
 * Finds the pictures of a folder and of its sub-folders, which are domains; sub-folders named train, test, held-out and
 * the like are splits. Captions come from metadata.jsonl (HF's imagefolder: file_name, text or caption), captions.json
 * (file → caption, or a list like metadata.jsonl's), or a .txt beside the picture. Reads no picture.
 * @returns sorted by path
 * @throws FusionError 'not-found' (no folder, no pictures), 'malformed' (metadata), 'validation' (pictures without a
 *   caption, by name; one that is too long; an unknown split)
 */
export async function findCaptionedImages(folder: string): Promise<CaptionedImage[]> {
  const root = resolve(folder)
  const files = await filesBelow(root)
  const pictures = files.filter(isPictureName)
  if (pictures.length === 0)
    throw new FusionError('not-found', `${folder} holds no pictures.`, {
      hint: 'Put PNG or JPEG files into it, or into one sub-folder per domain, each with a caption in a .txt beside it.',
    })
  const known = new Set(files)
  const details = new Map<string, Details>()
  for (const file of files) {
    if (!(METADATA_FILES as readonly string[]).includes(basename(file))) continue
    for (const [path, own] of await readMetadata(file, pictures)) details.set(path, { ...details.get(path), ...own })
  }
  const withoutCaption: string[] = []
  const images: CaptionedImage[] = []
  for (const path of pictures) {
    const own = details.get(path)
    const beside = withoutExtension(path) + '.txt'
    const caption = (
      own?.caption ??
      own?.text ??
      (known.has(beside) ? await readSmallText(beside, SMALL_FILES.caption) : '')
    ).trim()
    checkPrompt(caption, `The caption of ${path}`)
    if (caption === '') withoutCaption.push(relative(root, path))
    images.push({ path, caption, ...placeOf(root, path, own) })
  }
  if (withoutCaption.length > 0)
    throw new FusionError('validation', `${folder} has ${named(withoutCaption)} without a caption.`, {
      detail: withoutCaption.join('\n'),
      hint: 'Write it into a .txt of the same name beside the picture, or into metadata.jsonl or captions.json.',
    })
  return images
}

/** Domain and split by the folders that a picture lies in, or by what its metadata say. */
function placeOf(root: string, path: string, details: Details | undefined): Pick<CaptionedImage, 'domain' | 'split'> {
  const folders = relative(root, path).split(sep).slice(0, -1)
  const splits = folders.flatMap((name) => SPLIT_WORDS[name.toLowerCase()] ?? [])
  const domain = folders.filter((name) => !(name.toLowerCase() in SPLIT_WORDS)).join('/')
  const named = details?.split
  const split = named === undefined ? (splits.at(-1) ?? null) : SPLIT_WORDS[named.toLowerCase()]
  if (split === undefined)
    throw new FusionError('validation', `The metadata of ${path} name the split ${named}, which is not known.`, {
      hint: `Use one of ${Object.keys(SPLIT_WORDS).join(', ')}.`,
    })
  return { domain: details?.domain ?? (domain || basename(root)), split }
}

/** What a metadata file says, by the absolute paths of the pictures that are there. */
async function readMetadata(file: string, pictures: readonly string[]): Promise<[string, Details][]> {
  const folder = join(file, '..')
  const text = await readSmallText(file, SMALL_FILES.captions)
  const entries = file.endsWith('.jsonl') ? jsonLines(text, file) : captionsOf(parse(text, file), file)
  const byName = new Map(pictures.flatMap((path) => [[path, path] as const, [withoutExtension(path), path] as const]))
  const missing: string[] = []
  const found = entries.flatMap(([name, details]): [string, Details][] => {
    const path = byName.get(ownFile(folder, name, file))
    if (path === undefined) missing.push(name)
    return path === undefined ? [] : [[path, details]]
  })
  if (missing.length > 0)
    throw new FusionError('not-found', `${file} describes ${named(missing)} that cannot be found.`, {
      detail: missing.join('\n'),
      hint: 'Paths in it are relative to its own folder.',
    })
  return found
}

function jsonLines(text: string, file: string): [string, Details][] {
  return text.split(/\r?\n/).flatMap((line, index): [string, Details][] => {
    if (line.trim() === '') return []
    const parsed = entrySchema.safeParse(parse(line, `${file}, line ${index + 1},`))
    if (!parsed.success)
      throw new FusionError('malformed', `${file}, line ${index + 1}, does not describe a picture.`, {
        detail: z.prettifyError(parsed.error),
        hint: 'A line is {"file_name": "a.png", "text": "a caption"}.',
      })
    return [[parsed.data.file_name, parsed.data]]
  })
}

function captionsOf(value: unknown, file: string): [string, Details][] {
  const parsed = captionsSchema.safeParse(value)
  if (!parsed.success)
    throw new FusionError('malformed', `${file} holds no captions.`, {
      detail: z.prettifyError(parsed.error),
      hint: 'It is {"a.png": "a caption", …}, or a list of {"file_name": "a.png", "caption": "a caption"}.',
    })
  if (Array.isArray(parsed.data)) return parsed.data.map((entry) => [entry.file_name, entry])
  return Object.entries(parsed.data).map(([name, own]) => [name, typeof own === 'string' ? { caption: own } : own])
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new FusionError('malformed', `${what} is not JSON.`, { detail: String(cause), cause })
  }
}

function withoutExtension(path: string): string {
  return path.slice(0, path.length - extname(path).length)
}

function named(names: readonly string[]): string {
  const more = names.length - MOST_NAMED
  const list = names.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '')
  return names.length === 1 ? `the picture ${list}` : `${names.length} pictures (${list})`
}
