import { readdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { LibraryProgram } from '../../contract/library'
import { toErrorReport } from '../../contract/errors'
import { EXTRA_PATHS_FILES, readExtraModelPaths } from './extra-model-paths'

/** The root folder of a program, with the folders of models in it. */
export interface ProgramFolders {
  program: LibraryProgram
  folders: string[]
  /** Whether models may lie anywhere else in it, too. */
  hasOthers?: boolean
  /** What could not be found out, in words. */
  problems: string[]
}

const WEBUI_MODELS = ['stable-diffusion', 'lora', 'lycoris', 'vae', 'text_encoder', 'diffusers']
const COMFYUI_MODELS = [
  ...['checkpoints', 'loras', 'diffusion_models', 'unet', 'vae', 'text_encoders', 'clip', 'embeddings', 'diffusers'],
]
/** Folders by base, of InvokeAI before version 5. */
const INVOKEAI_BASES = ['sd-1', 'sd-2', 'sdxl', 'any']
/** A repository of models in Hugging Face's cache. */
const REPOSITORY = /^models--(.+)$/

/**
 * Which program's root a folder is, and where its models are: web UI (A1111, Forge), ComfyUI, InvokeAI, Hugging Face's
 * cache (its `hub`, what holds that, or one repository); undefined for any other folder.
 * @param names what lies in it
 */
export async function programFolders(folder: string, names: readonly string[]): Promise<ProgramFolders | undefined> {
  const hub = await hubFolders(folder, names)
  if (hub) return hub
  const named = byLowerCase(names)
  const models = named.get('models')
  const inModels = models === undefined ? new Map<string, string>() : byLowerCase(await namesIn(join(folder, models)))
  const below = (wanted: readonly string[]): string[] =>
    wanted.flatMap((name) => {
      const found = inModels.get(name)
      return models === undefined || found === undefined ? [] : [join(folder, models, found)]
    })
  const beside = (name: string): string[] => (named.has(name) ? [join(folder, named.get(name)!)] : [])
  if (inModels.has('stable-diffusion')) {
    const program = named.has('modules_forge') ? 'forge' : 'webui'
    return { program, folders: [...below(WEBUI_MODELS), ...beside('embeddings')], problems: [] }
  }
  const yamls = EXTRA_PATHS_FILES.filter((name) => names.includes(name))
  const isComfy = inModels.has('checkpoints')
  if (isComfy || yamls.length > 0) {
    const extra = await Promise.all(yamls.map((name) => extraFolders(join(folder, name))))
    return {
      program: 'comfyui',
      folders: [...below(COMFYUI_MODELS), ...extra.flatMap(({ folders }) => folders)],
      hasOthers: !isComfy,
      problems: extra.flatMap(({ problems }) => problems),
    }
  }
  if (named.has('invokeai.yaml') || INVOKEAI_BASES.some((base) => inModels.has(base)))
    return {
      program: 'invokeai',
      folders: [...(models === undefined ? [] : [join(folder, models)]), ...beside('autoimport')],
      problems: [],
    }
  return undefined
}

/** The name of a repository of Hugging Face's cache: 'models--org--name' is org/name. */
export function repositoryName(folderName: string): string | undefined {
  return REPOSITORY.exec(folderName)?.[1]?.replaceAll('--', '/')
}

/** Where Hugging Face's cache is, as huggingface_hub finds it; it need not exist. */
export function hubCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = env
  const home = HF_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface')
  return HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE || join(home, 'hub')
}

async function hubFolders(folder: string, names: readonly string[]): Promise<ProgramFolders | undefined> {
  const isRepository = names.includes('snapshots') && names.includes('blobs')
  if (isRepository) return { program: 'hugging-face', folders: [join(folder, 'snapshots')], problems: [] }
  const hub = names.includes('hub') ? join(folder, 'hub') : undefined
  const inHub = names.some((name) => REPOSITORY.test(name)) ? names : hub === undefined ? [] : await namesIn(hub)
  const repositories = inHub.filter((name) => REPOSITORY.test(name))
  if (repositories.length === 0) return undefined
  const root = inHub === names ? folder : hub!
  return {
    program: 'hugging-face',
    folders: repositories.map((name) => join(root, name, 'snapshots')),
    problems: [],
  }
}

async function extraFolders(file: string): Promise<{ folders: string[]; problems: string[] }> {
  try {
    return { folders: await readExtraModelPaths(file), problems: [] }
  } catch (error) {
    return { folders: [], problems: [toErrorReport(error).message] }
  }
}

/** Names by their lower case: some systems tell them apart by it, some do not. */
function byLowerCase(names: readonly string[]): Map<string, string> {
  return new Map(names.map((name) => [name.toLowerCase(), name]))
}

/** None where the folder cannot be listed. */
async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}
