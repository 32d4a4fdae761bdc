import { z } from 'zod'
import type { Estimate, LossSummary, ModelSummary, UnlearnedGain } from '../../../contract/evaluate/losses'
import type { UnlearningLosses } from '../../../contract/unlearning'
import { Bootstrap, mean, meanOf } from './bootstrap'
import { summariseLosses } from './loss-summary'
import type { LossTable } from './loss-table'
import { takingPart } from '../../../contract/document/project'

/** A merge with a specialist and the same without it, by their names in a table. */
export interface UnlearningPair {
  specialist: string
  before: string
  after: string
}

/**
 * Before and after of every dropped specialist, on its own domain: the specialist's in the table, else the one of its
 * name, else the one whose loss rises most. Pairs of which a merge is not measured are left out.
 * @param summary of the same table
 */
export function unlearnedGains(
  { domains, models }: LossTable,
  summary: LossSummary,
  pairs: readonly UnlearningPair[],
): UnlearnedGain[] {
  const bootstrap = new Bootstrap(summary.bootstrap)
  const summaryOf = (name: string): ModelSummary | undefined => summary.models.find((model) => model.name === name)
  return pairs.flatMap(({ specialist, before, after }) => {
    const [first, second] = [before, after].map((name) => models.find((model) => model.name === name))
    if (!first || !second) return []
    const differences = domains.map((_, place) =>
      Float64Array.from(first.losses[place]!, (own, i) => mean(second.losses[place]![i]!) - mean(own)),
    )
    const rises = differences.map((own) => mean(own))
    const wanted = summaryOf(specialist)?.ownDomain ?? specialist
    const named = domains.findIndex(({ name }) => name === wanted)
    const place = named < 0 ? rises.indexOf(Math.max(...rises)) : named
    const domain = domains[place]!
    const group = [{ place, count: domain.pictures.length }]
    const [own, rest] = [summaryOf(before)!, summaryOf(after)!]
    const keptOf = ({ kept }: ModelSummary): Estimate | undefined =>
      kept.find((gain) => gain.specialist === specialist)?.percent
    const kept = { before: keptOf(own), after: keptOf(rest) }
    return {
      specialist,
      domain: domain.name,
      before: own.domains[place]!.loss,
      after: rest.domains[place]!.loss,
      difference: {
        value: rises[place]!,
        // A domain that was picked for its rise says nothing of other pictures.
        interval: named < 0 ? null : bootstrap.interval(group, ([drawn]) => meanOf(differences[place]!, drawn!)),
      },
      kept: kept.before && kept.after ? { before: kept.before, after: kept.after } : null,
    }
  })
}

/**
 * What dropping a specialist changes in the losses.
 * @param table of the base, the merge with the specialist, and the merge without it, in this order
 */
export function unlearningLossesOf(table: LossTable, specialist: string): UnlearningLosses {
  const summary = summariseLosses(table)
  const [base, before, after] = summary.models.map(({ domains }) => domains.map(({ loss }) => loss.value))
  const [, { name: whole }, { name: rest }] = table.models as [unknown, { name: string }, { name: string }]
  const [gain] = unlearnedGains(table, summary, [{ specialist, before: whole, after: rest }])
  return {
    domains: summary.domains.map(({ name, pictures }, place) => {
      return { domain: name, pictures, base: base![place]!, before: before![place]!, after: after![place]! }
    }),
    gain: gain!,
  }
}

/** What tells merges apart, of a recipe as a file has it. */
const recipeSchema = z.object({
  method: z.string(),
  settings: z.record(z.string(), z.unknown()),
  /** Base first. */
  models: z.array(z.object({ name: z.string(), enabled: z.boolean() }).loose()).min(1),
  components: z.unknown(),
  dtype: z.unknown(),
  vae: z.unknown(),
  calibration: z.unknown(),
})
type Recipe = z.infer<typeof recipeSchema>

/** Merges that differ by one specialist alone, found from their recipes (featurefusion.recipe). */
export function unlearningPairs(merges: readonly { name: string; recipe: unknown }[]): UnlearningPair[] {
  const known = merges.flatMap(({ name, recipe }) => {
    const { data } = recipeSchema.safeParse(recipe)
    return data ? [{ name, recipe: data }] : []
  })
  return known.flatMap((before) =>
    known.flatMap((after) => {
      const specialist = droppedBetween(before.recipe, after.recipe)
      return specialist === null ? [] : [{ specialist, before: before.name, after: after.name }]
    }),
  )
}

/** The specialist that the second merge lacks and that is all that tells them apart; null where that is not so. */
function droppedBetween(before: Recipe, after: Recipe): string | null {
  const [left, right] = [partsOf(before), partsOf(after)]
  const dropped = [...left.keys()].filter((name) => !right.has(name))
  const isAlike =
    [...right].every(([name, part]) => left.get(name) === part) && settingsKey(before) === settingsKey(after)
  return isAlike && dropped.length === 1 ? dropped[0]! : null
}

/** What takes part, by name. */
function partsOf({ models }: Recipe): Map<string, string> {
  return new Map(takingPart(models).map((part) => [part.name, JSON.stringify(part)]))
}

/** How a merge is made; from contributions or at once is equivalent. */
function settingsKey({
  method,
  settings: { reuse: _reuse, ...settings },
  components,
  dtype,
  vae,
  calibration,
}: Recipe): string {
  return JSON.stringify([method, settings, components, dtype, vae, calibration])
}
