import { FusionError } from '../../contract/errors'
import { MECHA_KEY } from '../../engine/checkpoint/describe'
import { readSmallText } from '../../engine/files/reading/regular-file'
import { SMALL_FILES } from '../../engine/files/reading/small-files'
import type { ForeignRecipe } from './foreign-recipe'
import { readMechaRecipe } from './mecha-recipe'
import { isMechaText } from './mecha-text'
import { readMergekitRecipe } from './mergekit-recipe'
import { readWebuiRecipe } from './webui-recipe'

/** The recipe of sd-mecha or of mergekit in a text. @throws FusionError 'unsupported', 'malformed', and what reading throws */
export async function readForeignText(path: string): Promise<ForeignRecipe> {
  const text = await readSmallText(path, SMALL_FILES.recipe)
  const isMecha = isMechaText(text) || path.toLowerCase().endsWith('.mecha')
  return isMecha ? readMechaRecipe(path, text) : readMergekitRecipe(path, text)
}

/**
 * The recipe that another program left in a file of weights.
 * @throws FusionError 'unsupported' where there is none, or one that cannot become a project; 'malformed'
 */
export function readForeignMetadata(path: string, metadata: Readonly<Record<string, string>>): ForeignRecipe {
  const mecha = metadata[MECHA_KEY]
  const recipe = mecha === undefined ? readWebuiRecipe(path, metadata) : readMechaRecipe(path, mecha)
  if (recipe) return recipe
  throw new FusionError('unsupported', `${path} has no recipe of this program.`, {
    hint: 'Open it as a model instead.',
  })
}
