import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FusionError } from '../../../contract/errors'
import { unreadable } from '../../files/reading/file-errors'
import { readJsonObjectSync } from '../../files/reading/json-object'
import { requireOwn } from '../../files/reading/links'
import { isThere } from '../../files/reading/regular-file'
import { readWordPieces } from '../../tokenizer/word-pieces'

/** In the order in which they are taken. */
const WEIGHTS = ['ImageReward.safetensors', 'ImageReward.pt']
const CONFIG = 'med_config.json'
/** Where BERT's vocabulary lies: beside the weights, or in a folder named after its model. */
const VOCABULARIES = ['vocab.txt', join('bert-base-uncased', 'vocab.txt')]

/** What ImageReward is made of. */
export interface ImageRewardFiles {
  /** Path of the weights. */
  weights: string
  /** Contents of med_config.json; empty where there is none. */
  config: Record<string, unknown>
  /** Tokens of vocab.txt. */
  vocabulary: readonly string[]
}

/**
 * Finds the files of ImageReward.
 * @param path a folder, or the file of the weights in it
 * @throws FusionError 'not-found' by what is missing, 'unreadable', 'malformed', 'validation' (a link out of the folder)
 */
export async function findImageReward(path: string): Promise<ImageRewardFiles> {
  const entry = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  const folder = entry.isDirectory() ? path : dirname(path)
  const own = (names: readonly string[]): string | undefined => {
    const found = names.map((name) => join(folder, name)).find(isThere)
    if (found !== undefined) requireOwn(found, folder, 'read')
    return found
  }
  const weights = entry.isDirectory() ? own(WEIGHTS) : path
  if (weights === undefined) throw missing(folder, WEIGHTS.join(' or '), 'Name the file of the weights.')
  const vocabulary = own(VOCABULARIES)
  if (vocabulary === undefined)
    throw missing(folder, 'vocab.txt', 'Put the vocab.txt of bert-base-uncased there: ImageReward reads prompts by it.')
  const config = own([CONFIG])
  return {
    weights,
    config: config === undefined ? {} : readJsonObjectSync(config),
    vocabulary: readWordPieces(vocabulary),
  }
}

function missing(folder: string, what: string, hint: string): FusionError {
  return new FusionError('not-found', `${folder} has no ${what}.`, { hint })
}
