import { homedir } from 'node:os'
import { dirname, isAbsolute, join, normalize } from 'node:path'
import { parse } from 'yaml'
import { FusionError } from '../../contract/errors'
import { isObject } from '../../contract/values/json-text'
import { readSmallText } from '../files/reading/regular-file'
import { SMALL_FILES } from '../files/reading/small-files'

/** ComfyUI's name for its list of further folders, and that of its desktop program. */
export const EXTRA_PATHS_FILES = ['extra_model_paths.yaml', 'extra_models_config.yaml']

/** Keys of folders of models; others (custom_nodes, controlnet …) hold nothing for a merge. */
const MODEL_KEYS = [
  ...['checkpoints', 'loras', 'diffusion_models', 'unet', 'vae', 'text_encoders', 'clip', 'embeddings'],
  ...['diffusers', 'diffusers_models'],
]
/** More than anybody lists. */
const MOST_FOLDERS = 200

/**
 * The folders that ComfyUI's extra_model_paths.yaml names, as ComfyUI reads it (utils/extra_config.py): sections of keys
 * with one folder or one in each line, below `base_path` where there is one, else below the file's own folder; `~` and
 * variables of the environment count in `base_path`. Sections with `is_default` come first.
 *
 * @throws FusionError 'malformed', and what reading a small file throws
 */
export async function readExtraModelPaths(file: string): Promise<string[]> {
  const sections = Object.values(await readYamlObject(file))
  const folders = sections.flatMap((section) => foldersOf(section, dirname(file)))
  const sorted = [...folders.filter(({ isDefault }) => isDefault), ...folders.filter(({ isDefault }) => !isDefault)]
  return [...new Set(sorted.map(({ path }) => path))].slice(0, MOST_FOLDERS)
}

async function readYamlObject(path: string): Promise<Record<string, unknown>> {
  const text = await readSmallText(path, SMALL_FILES.modelPaths)
  const fail = (what: string, cause?: unknown): FusionError =>
    new FusionError('malformed', `${path} ${what}.`, { hint: 'Correct the file, as ComfyUI needs it, too.', cause })
  let value: unknown
  try {
    // PyYAML reads YAML 1.1: `is_default: yes` is true there.
    value = parse(text, { version: '1.1', logLevel: 'error' }) as unknown
  } catch (cause) {
    throw fail('is not valid YAML', cause)
  }
  if (value === null || value === undefined) return {}
  if (!isObject(value)) throw fail('does not hold sections')
  return value
}

interface NamedFolder {
  path: string
  isDefault: boolean
}

function foldersOf(values: unknown, yamlFolder: string): NamedFolder[] {
  if (!isObject(values)) return []
  const base = typeof values['base_path'] === 'string' ? below(yamlFolder, expanded(values['base_path'])) : yamlFolder
  const isDefault = values['is_default'] === true
  return MODEL_KEYS.flatMap((key) => {
    const value = values[key]
    if (typeof value !== 'string') return []
    const lines = value.split('\n').map((line) => line.trim())
    return lines.filter(Boolean).map((line) => ({ path: below(base, line), isDefault }))
  })
}

function below(folder: string, path: string): string {
  const found = normalize(isAbsolute(path) ? path : join(folder, path))
  return found.length > 1 ? found.replace(/[\\/]+$/, '') : found
}

/** As Python's expanduser and expandvars: an unknown variable stays as it is. */
function expanded(path: string): string {
  const home = path.replace(/^~(?=$|[\\/])/, () => homedir())
  const pattern = process.platform === 'win32' ? /\$(\w+)|\$\{(\w+)\}|%(\w+)%/g : /\$(\w+)|\$\{(\w+)\}/g
  return home.replace(pattern, (found, ...names: (string | undefined)[]) => {
    const name = names.slice(0, 3).find((one) => typeof one === 'string' && /^\w+$/.test(one) && found.includes(one))
    return (name === undefined ? undefined : process.env[name]) ?? found
  })
}
