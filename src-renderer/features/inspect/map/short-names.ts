/** Of no help in telling a block's layers apart, most often: the block itself, and the containers in it. */
const BLOCK = /^(down_blocks\.\d+|up_blocks\.\d+|mid_block|text_model\.encoder\.layers\.\d+|text_model)\./
const CONTAINERS = /(^|\.)(attentions|resnets|transformer_blocks|downsamplers|upsamplers)\.\d+(?=\.)/g

/**
 * Names of a block's layers without what they have in common: `attn2.to_k`. Those that would be told apart by nothing
 * keep the containers that they lie in.
 */
export function shortNames(names: readonly string[]): string[] {
  const whole = names.map((name) => name.replace(/\.weight$/, ''))
  const inside = whole.map((name) => name.replace(BLOCK, ''))
  const short = inside.map((name) => name.replace(CONTAINERS, '').replace(/^\./, ''))
  const firstUnique = (candidates: readonly string[][]): string[] =>
    whole.map((name, index) => {
      const found = candidates.find((all) => all.filter((other) => other === all[index]).length === 1)
      return found ? found[index]! : name
    })
  return firstUnique([short, inside])
}
