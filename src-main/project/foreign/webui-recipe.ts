import { asObject, objectIn } from '../../contract/values/json-text'
import { FIELD_KEY } from '../../engine/checkpoint/describe'
import {
  nameOfPlace,
  OPEN_RESULT_HINT,
  readAsRecipe,
  Refusal,
  type ForeignModel,
  type ForeignRecipe,
} from './foreign-recipe'

const SHA256 = /^[0-9a-f]{64}$/

/**
 * The recipe that A1111's web UI, or a program that writes as it does, left in a file (`sd_merge_recipe`): a weighted sum
 * A · (1 − M) + B · M, or an added difference A + (B − C) · M. Null where there is none.
 * @throws FusionError 'unsupported', with the program's name, for a recipe that cannot become a project
 */
export function readWebuiRecipe(path: string, metadata: Readonly<Record<string, string>>): ForeignRecipe | null {
  const recipe = objectIn(metadata[FIELD_KEY])
  if (!recipe) return null
  const program = recipe['type'] === 'webui' || typeof recipe['type'] !== 'string' ? 'A1111’s web UI' : recipe['type']
  const names = objectIn(metadata['sd_merge_models']) ?? {}
  return readAsRecipe(path, program, () => {
    const model = (place: string, weight: number): ForeignModel => {
      const sha256 = recipe[`${place}_model_hash`]
      if (typeof sha256 !== 'string' || !SHA256.test(sha256)) {
        throw new Refusal(`it does not say what its ${place} model was`, OPEN_RESULT_HINT)
      }
      // The web UI writes the path below its folder of models.
      const told = asObject(names[sha256])?.['name']
      const name = typeof told === 'string' ? nameOfPlace(told) : sha256.slice(0, 10)
      return { name, sha256, place: `${name}.safetensors`, weight, blocks: {} }
    }
    const { multiplier, interp_method: method } = recipe
    if (typeof multiplier !== 'number' || !Number.isFinite(multiplier)) {
      throw new Refusal('it has no single multiplier', OPEN_RESULT_HINT)
    }
    const rest = { dtype: recipe['save_as_half'] === true ? 'fp16' : 'same', parts: null } as const
    if (method === 'Weighted sum') {
      return {
        method: { name: 'weighted-sum' },
        models: [model('primary', 1), model('secondary', multiplier)],
        ...rest,
      }
    }
    if (method === 'Add difference') {
      const models = [model('tertiary', 1), model('primary', 1), model('secondary', multiplier)]
      return { method: { name: 'add-difference' }, models, ...rest }
    }
    throw new Refusal(
      `“${typeof method === 'string' ? method : 'interp_method'}” is none of the methods here`,
      OPEN_RESULT_HINT,
    )
  })
}
