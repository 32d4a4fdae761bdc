import { FusionError } from '../contract/errors'
import { asObject, objectIn } from '../contract/values/json-text'
import { asName } from '../contract/values/limits'

/** A merge of another program, as one of this program. */
export interface ForeignRecipe {
  method: 'weighted-sum' | 'add-difference'
  /** Base first. */
  models: { name: string; sha256: string; weight: number }[]
  half: boolean
}

/**
 * The recipe that A1111's web UI, or a program that writes as it does, left in a file (`sd_merge_recipe`): a weighted sum
 * A · (1 − M) + B · M, or an added difference A + (B − C) · M.
 * @throws FusionError 'unsupported', with the program's name, for a recipe that cannot become a project, and where there
 * is none
 */
export function readForeignRecipe(path: string, metadata: Readonly<Record<string, string>>): ForeignRecipe {
  if (metadata['mecha_recipe'] !== undefined) throw refusal(path, 'sd-mecha', 'its steps have no like among projects')
  const recipe = objectIn(metadata['sd_merge_recipe'])
  if (!recipe) {
    throw new FusionError('unsupported', `${path} has no recipe of this program.`, {
      hint: 'Open it as a model instead.',
    })
  }
  const program = recipe['type'] === 'webui' || typeof recipe['type'] !== 'string' ? 'A1111’s web UI' : recipe['type']
  const names = objectIn(metadata['sd_merge_models']) ?? {}
  const model = (place: string, weight: number): ForeignRecipe['models'][number] => {
    const sha256 = recipe[`${place}_model_hash`]
    if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) {
      throw refusal(path, program, `it does not say what its ${place} model was`)
    }
    const name = asObject(names[sha256])?.['name']
    return { name: asName(typeof name === 'string' ? fileName(name) : sha256.slice(0, 10)), sha256, weight }
  }
  const { multiplier, interp_method: method } = recipe
  const half = recipe['save_as_half'] === true
  if (typeof multiplier !== 'number' || !Number.isFinite(multiplier)) {
    throw refusal(path, program, 'it has no single multiplier')
  }
  if (method === 'Weighted sum') {
    return { method: 'weighted-sum', models: [model('primary', 1), model('secondary', multiplier)], half }
  }
  if (method === 'Add difference') {
    const models = [model('tertiary', 1), model('primary', 1), model('secondary', multiplier)]
    return { method: 'add-difference', models, half }
  }
  throw refusal(path, program, `“${String(method)}” has no like among the methods`)
}

function refusal(path: string, program: string, because: string): FusionError {
  return new FusionError('unsupported', `${path} was merged by ${program}: ${because}.`, {
    hint: 'Its details in Models show the recipe. Open it as a model instead.',
  })
}

/** The web UI writes the path below its folder of models. */
function fileName(name: string): string {
  return name
    .split(/[\\/]/)
    .at(-1)!
    .replace(/\.(safetensors|ckpt)$/i, '')
}
