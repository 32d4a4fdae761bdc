import { basename, extname } from 'node:path'
import { FusionError } from '../../contract/errors'
import type { StoredTensor } from '../checkpoint/containers/container'
import { openContainer } from '../checkpoint/containers/open-container'
import { readFloats } from '../checkpoint/containers/stored-values'

/** Vectors for one text encoder, [count, width]. */
export interface TokenVectors {
  values: Float32Array
  count: number
  width: number
}

/** A textual inversion: a word of its own, and what it stands for in each text encoder. */
export interface TextualInversion {
  path: string
  token: string
  vectors: { text_encoder?: TokenVectors; text_encoder_2?: TokenVectors }
}

/** Keys of A1111's web UI, which names the word by the file. */
const A1111_KEYS = ['emb_params', 'string_to_param.*']
/** More vectors than a text encoder takes in one prompt. */
const MOST_VECTORS = 75

/**
 * Reads a textual inversion: diffusers' learned_embeds.safetensors or .bin (`{token: [count, width]}`), A1111's `emb_params`
 * or (.pt) `string_to_param`, or SDXL's `clip_l` and `clip_g`.
 * @param token the word; else the file's key, or its name where the key is a format's own
 * @throws FusionError 'unsupported' (other files), 'malformed', 'not-found'
 */
export async function readTextualInversion(path: string, token?: string): Promise<TextualInversion> {
  const { tensors } = await openContainer(path)
  const named = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const [large, giant] = [named.get('clip_l'), named.get('clip_g')]
  const fileName = basename(path, extname(path))
  if (large && giant) {
    const vectors = { text_encoder: vectorsOf(large), text_encoder_2: vectorsOf(giant) }
    if (vectors.text_encoder.count !== vectors.text_encoder_2.count)
      throw new FusionError('malformed', `${path} has another number of vectors for each text encoder.`)
    return { path, token: token ?? fileName, vectors }
  }
  const [only] = tensors
  if (!only || tensors.length > 1)
    throw new FusionError('unsupported', `${path} is not a textual inversion: it holds ${tensors.length} tensors.`, {
      hint: "Use a file with one tensor (diffusers' learned_embeds, A1111's emb_params), or with clip_l and clip_g.",
    })
  const word = token ?? (A1111_KEYS.includes(only.name) ? fileName : only.name)
  return { path, token: word, vectors: { text_encoder: vectorsOf(only) } }
}

function vectorsOf(tensor: StoredTensor): TokenVectors {
  const { shape, path, name } = tensor
  const [count, width] = shape.length === 1 ? [1, shape[0]!] : [shape[0] ?? 0, shape[1] ?? 0]
  if (shape.length < 1 || shape.length > 2 || count < 1 || count > MOST_VECTORS || width < 1)
    throw new FusionError('malformed', `${path} is not a textual inversion: ${name} has the shape [${shape.join()}].`, {
      hint: `A textual inversion has 1 to ${MOST_VECTORS} vectors.`,
    })
  return { values: readFloats(tensor), count, width }
}

/** Words that are added to a text encoder: their vectors in one table, and their ids by word. */
export interface AddedTokens {
  /** [words' vectors, width] */
  table: Float32Array
  ids: Map<string, number[]>
}

/**
 * The words of textual inversions for one text encoder; ids follow its own vocabulary.
 * @throws FusionError 'incompatible' (made for another encoder), 'validation' (the same word twice)
 */
export function addedTokens(
  inversions: readonly TextualInversion[],
  encoder: 'text_encoder' | 'text_encoder_2',
  { vocabulary, width }: { vocabulary: number; width: number },
): AddedTokens {
  const table: number[] = []
  const ids = new Map<string, number[]>()
  for (const { path, token, vectors } of inversions) {
    const own = vectors[encoder]
    if (own?.width !== width)
      throw new FusionError(
        'incompatible',
        `${path} has ${own ? `vectors of ${own.width} numbers` : 'no vectors'} for the ${encoder}, which takes ${width}.`,
        { hint: 'Textual inversions fit only the kind of model that they were trained with.' },
      )
    if (ids.has(token)) throw new FusionError('validation', `Two textual inversions are named ${token}.`)
    const first = vocabulary + table.length / width
    ids.set(
      token,
      Array.from({ length: own.count }, (_, index) => first + index),
    )
    for (const value of own.values) table.push(value)
  }
  return { table: Float32Array.from(table), ids }
}
