import type { CommandOutput } from '../../../src-main/contract/protocol/commands'
import { matchesPattern, unmatchedHint } from '../../../src-main/contract/document/blocks/layer-patterns'
import { countOf, listOf } from '../../shared/format'

type Network = CommandOutput<'models.layers'>

/** What a layer pattern matches. */
export interface PatternMatch {
  /** '16 layers and 4 other tensors'; 'Nothing matches.' with the nearest names. */
  words: string
  isEmpty: boolean
}

/** What a pattern matches in a network: its layers, and, where `of` says so, the other tensors that have weights. */
export function patternMatch(pattern: string, network: Network | null, of: 'layers' | 'tensors'): PatternMatch | null {
  if (!network || pattern === '') return null
  const layers = network.layers.map(({ names }) => names)
  const others = of === 'tensors' ? network.otherTensors : []
  const count = (names: readonly string[][]): number => names.filter((own) => matchesPattern(pattern, own)).length
  const [matchedLayers, matchedOthers] = [count(layers), count(others)]
  if (matchedLayers + matchedOthers === 0) {
    return { words: `Nothing matches. ${unmatchedHint(pattern, [...layers, ...others].flat())}`, isEmpty: true }
  }
  const counted = [
    ...(matchedLayers > 0 ? [countOf(matchedLayers, 'layer')] : []),
    ...(matchedOthers > 0 ? [countOf(matchedOthers, 'other tensor')] : []),
  ]
  return { words: listOf(counted), isEmpty: false }
}
