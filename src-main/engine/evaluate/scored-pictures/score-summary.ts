import type { BootstrapOptions, Estimate, ModelRole } from '../../../contract/evaluate/losses'
import type { ScorerName } from '../../../contract/evaluate/scores/scorers'
import { isTie, type BestOfColumn, type ScoredModel, type ScoreSummary } from '../../../contract/evaluate/scores/scores'
import { Bootstrap, mean, meanOf } from '../losses/bootstrap'

/** What one scorer said of a model's pictures. */
export interface ModelScores {
  name: string
  role: ModelRole
  /** By domain, prompt and seed. */
  scores: readonly (readonly (readonly number[])[])[]
}

/**
 * Of fewer prompts all say the same by chance more often than once in 20 (2 · 2⁻ⁿ), and a bootstrap does not know it:
 * nobody is certainly the best then.
 */
const FEWEST_UNITS = 6

/** What is drawn anew for an interval, by domain. */
type Units = readonly (readonly number[])[]

/**
 * Means of a scorer with intervals, differences to the base on the same prompts and seeds, and who is best in every
 * column, unless several share the highest score. Pictures of one prompt are alike: each prompt counts once, and intervals
 * are over prompts; of a domain with one prompt they are over its seeds.
 * @param models of the same prompts and seeds
 */
export function summariseScores(
  scorer: ScorerName,
  models: readonly ModelScores[],
  options: Partial<BootstrapOptions> = {},
): ScoreSummary {
  const bootstrap = new Bootstrap(options)
  const base = models.find(({ role }) => role === 'base')
  const units = new Map(models.map((model) => [model.name, unitsOf(model)]))
  const columns = models[0]?.scores.map((_, place) => [place]) ?? []
  const all = columns.flat()
  const estimate = (places: readonly number[], values: Units): Estimate => estimateOf(bootstrap, places, values)
  const cell = (model: ModelScores, places: readonly number[]) => ({
    score: estimate(places, units.get(model.name)!),
    difference:
      base === undefined || model === base
        ? null
        : estimate(places, less(units.get(model.name)!, units.get(base.name)!)),
  })
  const scored = models.map((model): ScoredModel => {
    const { name, role } = model
    return { name, role, domains: columns.map((places) => cell(model, places)), mean: cell(model, all) }
  })
  const best = (of: (model: ScoredModel) => Estimate, places: readonly number[]): BestOfColumn | null => {
    const [first, second] = [...scored].sort((a, b) => of(b).value - of(a).value)
    if (!first || !second || isTie(scorer, of(first).value, of(second).value)) return null
    const differences = less(units.get(first.name)!, units.get(second.name)!)
    const lead = estimate(places, differences)
    const isTooFew = places.reduce((sum, place) => sum + differences[place]!.length, 0) < FEWEST_UNITS
    return { name: first.name, second: second.name, lead: isTooFew ? { ...lead, interval: null } : lead }
  }
  return {
    scorer,
    models: scored,
    best: [
      ...columns.map((places, at) => best(({ domains }) => domains[at]!.score, places)),
      best((model) => model.mean.score, all),
    ],
  }
}

/** The mean of the domains' means, and where it would lie for other prompts. */
function estimateOf(bootstrap: Bootstrap, places: readonly number[], values: Units): Estimate {
  const groups = places.map((place) => ({ place, count: values[place]!.length }))
  return {
    value: mean(places.map((place) => mean(values[place]!))),
    interval: bootstrap.interval(groups, (drawn) =>
      mean(places.map((place, index) => meanOf(values[place]!, drawn[index]!))),
    ),
  }
}

function unitsOf({ scores }: ModelScores): Units {
  return scores.map((prompts) => (prompts.length > 1 ? prompts.map(mean) : prompts.flat()))
}

function less(values: Units, others: Units): Units {
  return values.map((own, place) => own.map((value, i) => value - others[place]![i]!))
}
