import { join } from 'node:path'
import { OpenClipTokenizer } from '../../../../src-main/engine/tokenizer/open-clip-tokenizer'
import { loadVocabulary } from '../../../../src-main/engine/tokenizer/vocabulary'
import { readWordPieces, WordPieceTokenizer } from '../../../../src-main/engine/tokenizer/word-pieces'
import type { GoldenCase, GoldenSet } from '../../golden-set'
import type { OpResult, OpRunner } from '../../run-cases'

/** ImageReward's tokenizer. */
export function wordPiecesOf(set: GoldenSet): WordPieceTokenizer {
  const vocabulary = join(set.modelPath('image-reward'), 'bert-base-uncased', 'vocab.txt')
  return new WordPieceTokenizer(readWordPieces(vocabulary), ['[DEC]', '[ENC]'])
}

/** HPS's tokenizer. */
export function openClipTokensOf(set: GoldenSet): OpenClipTokenizer {
  return new OpenClipTokenizer(loadVocabulary(set.modelPath('pickscore')))
}

async function wordpiece({ params }: GoldenCase, set: GoldenSet): Promise<OpResult> {
  const { ids, mask } = wordPiecesOf(set).encode(params['prompt'] as string, params['max_length'] as number)
  return { outputs: { input_ids: ids, attention_mask: mask }, arithmetic: 'float64' }
}

async function hpsTokenize({ params }: GoldenCase, set: GoldenSet): Promise<OpResult> {
  const ids = openClipTokensOf(set).encode(params['prompt'] as string)
  return { outputs: { input_ids: ids }, arithmetic: 'float64' }
}

export const rewardTokenOps: Record<string, OpRunner> = { wordpiece, hps_tokenize: hpsTokenize }
