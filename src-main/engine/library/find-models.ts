import type { Dirent } from 'node:fs'
import { opendir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import type { LibraryFolder, LibraryProgram } from '../../contract/library'
import { WEIGHTS_ENDINGS } from '../../contract/document/names/model-names'
import { throwIfCancelled } from '../cancel'
import { unreadable } from '../files/reading/file-errors'
import { kindInWords } from '../files/reading/regular-file'
import { programFolders, repositoryName } from './program-folders'
import { thumbnailBeside } from './thumbnails'

/** Upper bounds of what is looked through; what they cut off is said. */
export const LIBRARY_LIMITS = { models: 50_000, folders: 50_000, names: 200_000, depth: 16 }

/** A file or folder that may be a model, by names alone. */
export interface FoundModel {
  path: string
  /** Where a link leads; null for what is none. */
  target: string | null
  name: string
  program: LibraryProgram
  /** A folder of diffusers or PEFT is one model. */
  isFolder: boolean
  /** A picture beside it. */
  thumbnail: string | null
  /** Why it is none, where that is known without opening it. */
  problem: string | null
}

export interface FindOptions {
  /** Whether something may be looked at: asked for each folder that is named, and for every link. Absent: all may be. */
  mayRead?: ((path: string) => Promise<boolean>) | undefined
  signal?: AbortSignal | undefined
  limits?: Partial<typeof LIBRARY_LIMITS>
}

/** Weights, and files that people take for some: what they are is said. */
const LISTED_NAME = new RegExp(`\\.(?:${[...WEIGHTS_ENDINGS, 'gguf'].join('|')})$`, 'i')
/** Weights of a part of a model, as diffusers and transformers name them. */
const COMPONENT_WEIGHTS =
  /^(?:diffusion_pytorch_model|pytorch_model|model)(?:[.-](?:fp16|bf16|fp32|ema|non_ema|\d{5}-of-\d{5}))*\.(?:safetensors|bin)$/
/** The weights of an adapter, as PEFT names them. */
const PEFT_WEIGHTS = /^adapter_model\.(?:safetensors|bin)$/
/** Weights that are part of the folder in which they lie. */
const FOLDER_WEIGHTS = new RegExp(`${COMPONENT_WEIGHTS.source}|${PEFT_WEIGHTS.source}`)
/** A folder of Python's packages. */
const PYTHON_ENVIRONMENT = 'pyvenv.cfg'

interface Place {
  folder: string
  depth: number
  program: LibraryProgram
  /** Names of models are made from what lies below it. */
  root: string
  /** In front of these names: the name of a repository. */
  prefix: string
  /** Whether it is the folder of a repository's revisions. */
  holdsRevisions: boolean
}

/**
 * Looks through folders for models, as the programs they belong to keep them; opens nothing. Links are followed, every
 * folder once. What cannot be listed is a problem of its folder and stops nothing.
 * @throws FusionError 'cancelled'
 */
export async function findModels(
  folders: readonly string[],
  options: FindOptions = {},
): Promise<{ models: FoundModel[]; folders: LibraryFolder[]; notes: string[] }> {
  const search = new ModelSearch(options)
  const found: LibraryFolder[] = []
  for (const path of folders) found.push(await search.root(path))
  return { models: search.models, folders: found, notes: search.notes() }
}

class ModelSearch {
  readonly models: FoundModel[] = []
  private readonly visited = new Set<string>()
  private readonly problems: string[] = []
  private readonly limits: typeof LIBRARY_LIMITS
  private readonly cut = new Set<keyof typeof LIBRARY_LIMITS>()
  private outside = 0

  constructor(private readonly options: FindOptions) {
    this.limits = { ...LIBRARY_LIMITS, ...options.limits }
  }

  async root(path: string): Promise<LibraryFolder> {
    const before = this.models.length
    const outside = { path, program: null, models: 0, problem: `${path} lies outside the folders that may be used.` }
    if (!(await this.mayRead(path))) return outside
    try {
      if (!(await stat(path)).isDirectory()) return { ...outside, problem: `${path} is not a folder.` }
      const place: Place = { folder: path, depth: 0, program: 'folder', root: path, prefix: '', holdsRevisions: false }
      const program = await this.visit(place)
      return { path, program, models: this.models.length - before, problem: null }
    } catch (error) {
      throwIfCancelled(this.options.signal)
      return { ...outside, problem: unreadable(path, error).message }
    }
  }

  notes(): string[] {
    const words: Record<keyof typeof LIBRARY_LIMITS, string> = {
      models: `Only the first ${this.limits.models} models are listed.`,
      folders: `Only the first ${this.limits.folders} folders were looked through.`,
      names: `A folder has more than ${this.limits.names} entries: the others are left out.`,
      depth: `Folders more than ${this.limits.depth} levels deep were left out.`,
    }
    const outside = this.outside > 0 ? [`Left out: ${this.outside} that lie outside the folders that may be used.`] : []
    return [...this.problems, ...[...this.cut].map((limit) => words[limit]), ...outside]
  }

  /** @returns whose folder it is @throws the file system's own error where it cannot be listed */
  private async visit(place: Place): Promise<LibraryProgram | null> {
    const { folder, depth } = place
    throwIfCancelled(this.options.signal)
    const real = await realpath(folder)
    if (this.visited.has(real)) return place.program
    if (this.models.length >= this.limits.models) return this.stop('models')
    if (this.visited.size >= this.limits.folders) return this.stop('folders')
    if (depth > this.limits.depth) return this.stop('depth')
    this.visited.add(real)
    const entries = await this.entriesOf(folder)
    const names = entries.map(({ name }) => name)
    if (names.includes(PYTHON_ENVIRONMENT)) return place.program
    const found = await programFolders(folder, names)
    if (found) {
      this.problems.push(...found.problems)
      for (const own of found.folders) await this.visitNamed(own, { ...place, program: found.program })
      if (!found.hasOthers) return found.program
    }
    const isModel = isModelFolder(names)
    if (isModel) this.addFolder(place)
    // Beside a pipeline's folders, repositories keep the same model as a single file.
    await this.visitEntries(
      place,
      isModel ? entries.filter((entry) => !entry.isDirectory() && !FOLDER_WEIGHTS.test(entry.name)) : entries,
    )
    return found?.program ?? place.program
  }

  /** A folder that a program keeps its models in, or a file names. */
  private async visitNamed(folder: string, { depth, program }: Place): Promise<void> {
    if (!(await this.mayRead(folder))) return void this.outside++
    const repository = repositoryName(basename(dirname(folder)))
    const holdsRevisions = basename(folder) === 'snapshots' && repository !== undefined
    const place = { folder, depth: depth + 1, program, root: folder, prefix: repository ?? '', holdsRevisions }
    await this.visit(place).catch((error: unknown) => this.say(folder, error))
  }

  private async visitEntries(place: Place, entries: readonly Dirent[]): Promise<void> {
    const names = new Set(entries.map(({ name }) => name))
    for (const entry of entries) {
      const path = join(place.folder, entry.name)
      const kind = await this.kindOf(entry, path)
      if (kind === 'folder') {
        // Revisions of a repository have no part in the names of its models.
        const root = place.holdsRevisions ? path : place.root
        const next = { ...place, folder: path, depth: place.depth + 1, root, holdsRevisions: false }
        await this.visit(next).catch((error: unknown) => this.say(path, error))
      } else if (kind !== 'nothing' && LISTED_NAME.test(entry.name))
        await this.addFile(place, entry, kind === 'file' ? null : kind, names)
    }
  }

  /** 'nothing': not to be listed; other words say what keeps a file from being read. */
  private async kindOf(entry: Dirent, path: string): Promise<string> {
    if (entry.name.startsWith('.')) return 'nothing'
    if (entry.isFile()) return 'file'
    if (entry.isDirectory()) return 'folder'
    if (entry.isSymbolicLink() && !(await this.mayRead(path))) {
      this.outside++
      return 'nothing'
    }
    const target = await stat(path).catch(() => null)
    if (!target) return `${path} is a link to nothing.`
    if (target.isFile()) return 'file'
    if (target.isDirectory()) return 'folder'
    return `${path} is not a regular file: it is ${kindInWords(target)}.`
  }

  private async addFile(
    place: Place,
    entry: Dirent,
    problem: string | null,
    names: ReadonlySet<string>,
  ): Promise<void> {
    const path = join(place.folder, entry.name)
    const target = entry.isSymbolicLink() ? await realpath(path).catch(() => null) : null
    const stem = entry.name.replace(LISTED_NAME, '')
    const picture = thumbnailBeside(stem, names)
    const thumbnail = picture === null ? null : join(place.folder, picture)
    this.add(place, stem, { path, target, problem, thumbnail, isFolder: false })
  }

  private addFolder(place: Place): void {
    const { folder: path } = place
    this.add(place, basename(path), { path, target: null, problem: null, thumbnail: null, isFolder: true })
  }

  private add({ root, prefix, program }: Place, stem: string, found: Omit<FoundModel, 'name' | 'program'>): void {
    if (this.models.length >= this.limits.models) return void this.stop('models')
    const below = relative(root, join(dirname(found.path), stem))
    const name = prefix === '' ? stem : [prefix, ...below.split(sep)].filter(Boolean).join('/')
    this.models.push({ ...found, name, program })
  }

  private async entriesOf(folder: string): Promise<Dirent[]> {
    const entries: Dirent[] = []
    for await (const entry of await opendir(folder, { bufferSize: 1024 })) {
      if (entries.length >= this.limits.names) {
        this.cut.add('names')
        break
      }
      entries.push(entry)
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  private async mayRead(path: string): Promise<boolean> {
    return this.options.mayRead?.(path) ?? true
  }

  private say(path: string, error: unknown): void {
    throwIfCancelled(this.options.signal)
    this.problems.push(unreadable(path, error).message)
  }

  private stop(limit: keyof typeof LIBRARY_LIMITS): null {
    this.cut.add(limit)
    return null
  }
}

/** A diffusers pipeline, a part of one, or PEFT's folder. */
function isModelFolder(names: readonly string[]): boolean {
  if (names.includes('model_index.json')) return true
  if (names.includes('adapter_config.json')) return names.some((name) => PEFT_WEIGHTS.test(name))
  return names.includes('config.json') && names.some((name) => COMPONENT_WEIGHTS.test(name))
}
