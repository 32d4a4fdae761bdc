import type { SearchForecast } from '../../../../src-main/contract/evaluate/search/search-forecast'
import type { Grouping, SearchReport, SearchSpaceName } from '../../../../src-main/contract/evaluate/search/search'
import { countOf } from '../../../shared/format'

/** What shares a number, by what is searched. */
const GROUP_WORDS: Readonly<Record<SearchSpaceName, Readonly<Record<Grouping, string>>>> = {
  weights: {
    all: 'Each model',
    stages: 'Each stage of each model',
    blocks: 'Each block of each model',
  },
  gains: { all: 'The whole network', stages: 'Each stage', blocks: 'Each block' },
}

/** The groupings as choices. */
export function groupOptions(space: SearchSpaceName): { value: Grouping; label: string }[] {
  const words = GROUP_WORDS[space]
  return (['all', 'stages', 'blocks'] as const).map((value) => ({ value, label: words[value] }))
}

/** What a search takes, before it begins. */
export function forecastInWords({ ofTrial, drawn, all }: SearchForecast): string {
  const draws = drawn > 0 ? ` and draws ${countOf(drawn, 'picture')}` : ''
  const trial = `A trial takes at most ${countOf(ofTrial, 'run')} of the network on one picture${draws}`
  return all === null ? `${trial}.` : `${trial}, the whole search ${countOf(all, 'run')}.`
}

/** What ended early, once something did. */
export function racesInWords({ trials, work }: Pick<SearchReport, 'trials' | 'work'>): string {
  const early = trials.filter(({ isStopped }) => isStopped).length
  if (early === 0) return ''
  const spared = work ? `, which spared ${Math.round(100 * (1 - work.measured / work.units))} % of the work` : ''
  return `${countOf(early, 'trial')} of ${trials.length} ended early, certainly worse than the best${spared}.`
}

/** Layers that have the same gain, in one line each. */
export function gainRows(layers: readonly { pattern: string; weight: number }[]): { layers: string; gain: number }[] {
  const rows: { first: string; more: number; gain: number }[] = []
  for (const { pattern, weight } of layers) {
    const last = rows.at(-1)
    if (last?.gain === weight) last.more++
    else rows.push({ first: pattern, more: 0, gain: weight })
  }
  return rows.map(({ first, more, gain }) => ({ layers: more === 0 ? first : `${first} and ${more} more`, gain }))
}
