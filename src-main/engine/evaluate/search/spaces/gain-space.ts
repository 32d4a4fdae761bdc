import { FusionError } from '../../../../contract/errors'
import type { ModelEntry } from '../../../../contract/document/project'
import { denoiserOf, denoiserName } from '../../../checkpoint/denoisers'
import type { MergePlan } from '../../../merge/plan/merge-plan'
import { Blocks } from '../../../merge/plan/blocks'
import type { SearchSpace } from './search-space'

/** Gains lie near 1: a block that adds a third less is another network. */
const SPREAD = 0.1
/** The last layers of a UNet's residual branches: what resnets and transformers add to what they get. */
const LAST_LAYER = /\.(?:resnets\.\d+\.conv2|attentions\.\d+\.proj_out)\.weight$/

/** A group of blocks that share a gain, and the layers into which it is folded. */
export interface GainedBlocks {
  blocks: readonly string[]
  /** Names of modules in diffusers' form: their weights and biases. */
  layers: readonly string[]
}

/**
 * The last layers of residual branches by groups of blocks; groups without any are left out.
 * @throws FusionError 'unsupported' where the network has none that are known
 */
export function gainedBlocks(
  { base }: Pick<MergePlan, 'base'>,
  groups: readonly (readonly string[])[],
): GainedBlocks[] {
  const component = denoiserName(base)
  const blocks = Blocks.of(base)
  const last = [...(denoiserOf(base)?.tensors.keys() ?? [])].filter((name) => LAST_LAYER.test(name))
  if (last.length === 0)
    throw new FusionError('unsupported', `The network of ${base.path} has no residual branches whose gains are known.`)
  return groups
    .map((group) => ({
      blocks: group,
      layers: last
        .filter((name) => group.includes(blocks.blockOf(component, name)))
        .map((name) => name.slice(0, -'.weight'.length)),
    }))
    .filter(({ layers }) => layers.length > 0)
}

/** One scale for what the blocks of each group add, of the one model whose layers are scaled (method 'gains'). */
export function gainSpace([base, scaled]: readonly ModelEntry[], groups: readonly GainedBlocks[]): SearchSpace {
  return {
    start: groups.map(() => 1),
    spread: SPREAD,
    modelsOf: (gains) => [
      base!,
      {
        ...scaled!,
        layers: groups.flatMap(({ layers }, group) => layers.map((pattern) => ({ pattern, weight: gains[group]! }))),
      },
    ],
  }
}
