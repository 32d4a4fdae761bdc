import { dirname, join } from 'node:path'
import { FusionError } from '../../../contract/errors'
import type { ScorerFiles } from '../../../contract/evaluate/scores/scorers'
import { openWeights } from '../../checkpoint/containers/open-container'
import { readJsonObjectSync } from '../../files/reading/json-object'
import { requireOwn } from '../../files/reading/links'
import { isThere } from '../../files/reading/regular-file'
import { OpenClipTokenizer } from '../../tokenizer/open-clip-tokenizer'
import { loadVocabulary, readClipVocabulary } from '../../tokenizer/vocabulary'
import type { Vocabulary } from '../../tokenizer/byte-pairs'
import { cosine } from '../clip/clip-score'
import { openedClip } from './clip'
import { preprocessForHps } from './hps-pixels'
import { openClipWeights } from './open-clip-weights'
import type { OpenScorer } from './picture-scorer'

const CONFIG = 'open_clip_config.json'
/** Folders beside the file, or beside its folder, that have the same vocabulary. */
const NEIGHBOURS = ['pickscore', 'PickScore_v1', 'clip']

/** HPS v2 and v2.1: a state dict of open_clip's ViT-H/14; the cosine of picture and prompt. */
export const openHps: OpenScorer = async (path, files, { clipVocabulary }) => {
  const container = await openWeights(path)
  const weights = openClipWeights(container, readConfig(path))
  const { vocab_size: size, max_position_embeddings: length } = weights.text as Record<string, number>
  const tokenizer = new OpenClipTokenizer(vocabularyFor(path, size!, files, clipVocabulary))
  return openedClip(weights, {
    name: 'hps',
    pixels: (picture, edge) => preprocessForHps(picture, edge, weights.preprocessing),
    ids: (prompt) => tokenizer.encode(prompt, length),
    score: cosine,
  })
}

function readConfig(path: string): Record<string, unknown> | null {
  const file = join(dirname(path), CONFIG)
  if (!isThere(file)) return null
  requireOwn(file, dirname(path), 'read')
  return readJsonObjectSync(file)
}

/**
 * CLIP's vocabulary in the size that the weights have: what lies beside the file, in a folder that a person named or that
 * lies near, or the bundled one.
 */
function vocabularyFor(path: string, size: number, files: ScorerFiles, clipVocabulary: string | undefined): Vocabulary {
  const own = dirname(path)
  const named = [files['pick-score'], files.clip, files.aestheticClip].filter((folder) => folder !== null)
  const near = NEIGHBOURS.flatMap((name) => [join(own, name), join(dirname(own), name)])
  for (const folder of [own, ...named, ...near]) {
    if (!isThere(join(folder, 'vocab.json')) || !isThere(join(folder, 'merges.txt'))) continue
    if (near.includes(folder) && !mayRead(folder, own)) continue
    const vocabulary = loadVocabulary(folder)
    if (fits(vocabulary, size)) return vocabulary
  }
  const bundled = clipVocabulary === undefined ? undefined : readClipVocabulary(clipVocabulary)
  if (bundled && fits(bundled, size)) return bundled
  throw new FusionError('not-found', `No vocabulary of ${size} tokens was found for ${path}.`, {
    hint: 'Put its vocab.json and merges.txt beside it: those of PickScore, or of any CLIP model.',
  })
}

/** Neighbours outside of the folders that a host lets people read are passed over. */
function mayRead(folder: string, own: string): boolean {
  try {
    requireOwn(folder, own, 'read')
    return true
  } catch {
    return false
  }
}

function fits({ ids }: Vocabulary, size: number): boolean {
  return ids.size === size
}
