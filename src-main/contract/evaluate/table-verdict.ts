import { excludesZero, relativeChange, THIS_MERGE, type LossSummary, type ModelSummary } from './losses'
import { PLAIN_AVERAGE } from '../methods/soup'
import { countOf, formatPercent, listOf } from '../values/format'
import { signedPercent } from './loss-words'

/** Whether a model's loss on a domain is measurably lower (−1) or higher (1) than the base's; else 0. */
function signOf(cell: ModelSummary['mean']): number {
  return cell.difference && excludesZero(cell.difference) ? Math.sign(cell.difference.value) : 0
}

/** The mean share of the specialists' gains that a model keeps, in per cent; null where there is nothing to keep. */
export function meanKept({ kept }: Pick<ModelSummary, 'kept'>): number | null {
  return kept.length === 0 ? null : kept.reduce((sum, { percent }) => sum + percent.value, 0) / kept.length
}

/** What a table says, in sentences: the merge against the base, domain by domain, and what it keeps of the gains. */
export function tableVerdict(summary: LossSummary): string {
  const merge = summary.models.find(({ role, name }) => role === 'merge' && name !== PLAIN_AVERAGE)
  return [specialistsInWords(summary), ...(merge ? [mergeInWords(summary, merge), keptInWords(summary, merge)] : [])]
    .filter(Boolean)
    .join(' ')
}

function specialistsInWords({ models }: LossSummary): string {
  const specialists = models.filter(({ role }) => role === 'specialist')
  const gaining = specialists.filter(({ gains }) => gains)
  if (specialists.length === 0) return ''
  if (gaining.length === specialists.length)
    return specialists.length === 1
      ? `${specialists[0]!.name} knows its own domain better than the base.`
      : 'Every specialist knows its own domain better than the base.'
  if (gaining.length === 0) return 'No specialist knows its own domain measurably better than the base.'
  return `${gaining.length} of ${specialists.length} specialists know their own domain better than the base.`
}

function mergeInWords({ domains }: LossSummary, merge: ModelSummary): string {
  const signs = merge.domains.map(signOf)
  const named = (sign: number): string[] =>
    domains.flatMap(({ name }, place) =>
      signs[place] === sign ? [`${name} (${signedPercent(relativeChange(merge.domains[place]!) ?? 0, 0)})`] : [],
    )
  const [better, worse] = [signs.filter((sign) => sign < 0).length, named(1)]
  const name = merge.name === THIS_MERGE ? 'This merge' : merge.name
  if (better === 0 && worse.length === 0) return `${name} differs from the base in no domain measurably.`
  const gains =
    better === 0
      ? 'is better than the base in no domain'
      : better === domains.length
        ? 'is better than the base in every domain'
        : `is better than the base in ${better} of ${countOf(domains.length, 'domain')}`
  const losses = worse.length === 0 ? '' : `, worse in ${worse.length > 3 ? String(worse.length) : listOf(worse)}`
  return `${name} ${gains}${losses}.`
}

function keptInWords({ models }: LossSummary, merge: ModelSummary): string {
  const own = meanKept(merge)
  if (own === null) return ''
  const average = models.find(({ name }) => name === PLAIN_AVERAGE)
  const other = average && meanKept(average)
  const least = merge.kept.reduce((worst, one) => (one.percent.value < worst.percent.value ? one : worst))
  const of = merge.kept.length > 1 ? `, least of ${least.specialist} (${keptText(least.percent.value)})` : ''
  const against = other == null ? '' : `; the plain average keeps ${keptText(other)}`
  return `It keeps ${keptText(own)} of what specialists gained${of}${against}.`
}

/** '13 %'; a model that is worse than the base keeps nothing, however much worse it is. */
export function keptText(percent: number): string {
  return percent <= 0 ? 'nothing' : formatPercent(percent / 100)
}

/** The base, then the merges, which a table is about, then the specialists. */
export function byRole<Row extends Pick<ModelSummary, 'role'>>(rows: readonly Row[]): Row[] {
  const rank = { base: 0, merge: 1, specialist: 2 }
  return [...rows].sort((one, other) => rank[one.role] - rank[other.role])
}
