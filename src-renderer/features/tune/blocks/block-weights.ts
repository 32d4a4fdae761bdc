import type { ModelEntry } from '../../../../src-main/contract/document/project'
import { figure } from '../../../../src-main/contract/values/figures'

/** What a model weighs in a block. */
export function weightIn({ blocks, weight }: Pick<ModelEntry, 'blocks' | 'weight'>, block: string): number {
  return blocks[block] ?? weight
}

/** The model with another weight in a block; null: the one of the model. */
export function withBlock(model: ModelEntry, block: string, weight: number | null): ModelEntry {
  const { [block]: _before, ...rest } = model.blocks
  return { ...model, blocks: weight === null ? rest : { ...rest, [block]: weight } }
}

/** A model's weights of all blocks as the field writes them: '1,0.5,0'. */
export function blockText(model: Pick<ModelEntry, 'blocks' | 'weight'>, blocks: readonly string[]): string {
  return blocks.map((block) => figure(weightIn(model, block)).replace('−', '-')).join(',')
}
