import { join } from 'node:path'
import { loadTokenizer } from '../../../src-main/engine/tokenizer/vocabulary'
import type { ClipTokenizer } from '../../../src-main/engine/tokenizer/tokenizer'
import type { GoldenCase, GoldenSet } from '../golden-set'
import type { OpResult, OpRunner } from '../run-cases'

const loaded = new Map<string, ClipTokenizer>()

async function tokenize({ params }: GoldenCase, set: GoldenSet): Promise<OpResult> {
  const [model] = Object.keys(set.manifest.models)
  const folder = join(set.modelPath(model!), params['tokenizer'] as string)
  const tokenizer = loaded.get(folder) ?? loadTokenizer(folder)
  loaded.set(folder, tokenizer)
  return { outputs: { input_ids: tokenizer.encode(params['prompt'] as string) }, arithmetic: 'float64' }
}

export const tokenizeOps: Record<string, OpRunner> = { tokenize }
