import { countOf, formatCosine, formatPercent, listOf, shorten } from '../values/format'
import { blockWords } from '../document/blocks/block-words'
import { largestChange, strongestConflict, type GroupMeasures } from './group-measures'

/** Two specialists oppose each other from this correlation on, as suggestions see it; nearer to 0 they touch different directions. */
export const OPPOSED = -0.05
/** Specialists that move at least this part of the one that moves most are named beside it. */
const NEARLY_AS_MUCH = 0.8
const MOST_NAMED = 3
const LONGEST_NAME = 28

/**
 * What a map shows, in one sentence: who moves most and where, who is in conflict, of whom least survives.
 * @param blocks measures by block
 * @param names of the specialists, in the order of the measures
 */
export function summarySentence(
  network: GroupMeasures,
  blocks: ReadonlyMap<string, GroupMeasures>,
  names: readonly string[],
): string {
  const short = names.map((name) => shorten(name, LONGEST_NAME))
  const parts = [moversInWords(network, blocks, short)]
  if (names.length > 1) parts.push(conflictInWords(blocks, short), survivalInWords(network, short))
  return `${parts.filter(Boolean).join('; ')}.`
}

function moversInWords(
  network: GroupMeasures,
  blocks: ReadonlyMap<string, GroupMeasures>,
  names: readonly string[],
): string {
  const most = largestChange(network)
  if (most === null || most === 0) return 'No specialist differs from the base'
  const order = names.map((_, index) => index).sort((a, b) => (network.change[b] ?? 0) - (network.change[a] ?? 0))
  const leaders = order.filter((index) => (network.change[index] ?? 0) >= NEARLY_AS_MUCH * most)
  const first = leaders[0]!
  const [block, there] = [...blocks].reduce((best, one) =>
    (one[1].change[first] ?? 0) > (best[1].change[first] ?? 0) ? one : best,
  )
  const where = `most of all in ${blockWords(block)} (${formatPercent(there.change[first] ?? 0)} of its size)`
  if (names.length === 1) return `${names[0]} moves ${where}`
  if (leaders.length === names.length) return `All specialists move about as much, ${where}`
  if (leaders.length > MOST_NAMED) return `${leaders.length} of ${names.length} specialists move most, ${where}`
  return `${listOf(leaders.map((index) => names[index]!))} ${leaders.length === 1 ? 'moves' : 'move'} most, ${where}`
}

function conflictInWords(blocks: ReadonlyMap<string, GroupMeasures>, names: readonly string[]): string {
  const found = [...blocks].flatMap(([block, measures]) => {
    const conflict = strongestConflict(measures)
    return conflict && conflict.value <= OPPOSED ? [{ block, ...conflict }] : []
  })
  if (found.length === 0) return 'no conflict'
  const worst = found.reduce((least, one) => (one.value < least.value ? one : least))
  const [a, b] = worst.pair.map((index) => names[index]!)
  const more = found.length > 1 ? `, and ${countOf(found.length - 1, 'more block')} with a conflict` : ''
  return `${a} and ${b} are opposed in ${blockWords(worst.block)} (correlation ${formatCosine(worst.value)})${more}`
}

function survivalInWords({ survives }: GroupMeasures, names: readonly string[]): string {
  const known = survives.flatMap((value, index) => (value === null ? [] : [{ value, index }]))
  if (known.length === 0) return ''
  const least = known.reduce((worst, one) => (one.value < worst.value ? one : worst))
  return `least survives of ${names[least.index]} (cosine ${formatCosine(least.value)})`
}
