import { DENOISER_COMPONENTS } from '../../values/denoisers'
import { asName } from '../../values/limits'

/** Folders of a diffusers pipeline: named alike in every model. */
const COMPONENT_FOLDERS = [...DENOISER_COMPONENTS, 'transformer', 'vae', 'text_encoder', 'text_encoder_2']
/** Weights files of diffusers and transformers, without their ending: named alike in every model. */
const COMMON_FILE = /^((diffusion_)?pytorch_)?model(\.(fp16|bf16|fp32|ema|non_ema))*(-\d+-of-\d+)?$/
/** Endings of files of weights: safetensors, and what PyTorch wrote. */
export const WEIGHTS_ENDINGS = ['safetensors', 'sft', 'ckpt', 'pt', 'pth', 'bin']
const WEIGHTS_ENDING = new RegExp(`\\.(?:${WEIGHTS_ENDINGS.join('|')})$`, 'i')
/** Endings of recipes of other programs as texts: sd-mecha's, mergekit's, and either under any name of a text. */
export const RECIPE_ENDINGS = ['mecha', 'yml', 'yaml', 'txt']
/** Of a list of prompts. */
export const PROMPTS_ENDING = 'txt'
const RECIPE_ENDING = new RegExp(`\\.(?:${RECIPE_ENDINGS.join('|')})$`, 'i')
/** Ending of a project, which can be a model as well: the one that its merge makes. */
export const PROJECT_SUFFIX = '.fusion.json'
const MODEL_ENDING = new RegExp(`${WEIGHTS_ENDING.source}|${PROJECT_SUFFIX.replaceAll('.', '\\.')}$`, 'i')

/**
 * Names of models: those that were given, the others by their paths: a file's without its ending, a folder's; of
 * `style/unet` or `style/model.safetensors` that of `style`. Where names clash, more of the path stands in front.
 * @param taken names that other models have
 */
export function modelNames(
  models: readonly { name?: string | undefined; path: string }[],
  taken: readonly string[] = [],
): string[] {
  const parts = models.map(({ name, path }) => (name === undefined ? tellingParts(path) : [name]))
  const depths = models.map(() => 1)
  for (;;) {
    const names = parts.map((own, index) => own.slice(-depths[index]!).join('/'))
    const clashes = names.flatMap((name, index) => (isTwice(name, names) || taken.includes(name) ? [index] : []))
    const deeper = clashes.filter((index) => depths[index]! < parts[index]!.length)
    if (deeper.length === 0) {
      const usable = names.map((name, index) => (models[index]!.name === undefined ? asName(name) : name))
      return numbered(usable, taken)
    }
    for (const index of deeper) depths[index]!++
  }
}

/** Whether a path is that of a project, by its name. */
export function isProjectPath(path: string): boolean {
  return path.toLowerCase().endsWith(PROJECT_SUFFIX)
}

/** Whether a file may be a recipe of another program as a text, by its name. */
export function isRecipeName(name: string): boolean {
  return RECIPE_ENDING.test(name)
}

/** Whether a file is one of weights, by its name alone. */
export function isWeightsName(name: string): boolean {
  return WEIGHTS_ENDING.test(name)
}

/** The parts of a path up to the last one that tells models apart. */
function tellingParts(path: string): string[] {
  const parts = path.split(/[\\/]/).filter((part) => part !== '' && part !== '.')
  const file = parts.at(-1) ?? path
  const own = file.replace(MODEL_ENDING, '')
  const telling = [...parts.slice(0, -1), own]
  if (own !== file && COMMON_FILE.test(own)) telling.pop()
  if (COMPONENT_FOLDERS.includes(telling.at(-1) ?? '')) telling.pop()
  return telling.length > 0 ? telling : [own]
}

function isTwice(name: string, names: readonly string[]): boolean {
  return names.indexOf(name) !== names.lastIndexOf(name)
}

/** What still clashes: the same path or given name twice. */
function numbered(names: readonly string[], taken: readonly string[]): string[] {
  const used = new Set(taken)
  return names.map((wanted) => {
    let name = wanted
    for (let count = 2; used.has(name); count++) name = `${wanted} ${count}`
    used.add(name)
    return name
  })
}
