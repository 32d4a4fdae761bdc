import { FusionError } from '../../../contract/errors'
import type { BootstrapOptions, Estimate, KeptGain, LossCell, LossSummary } from '../../../contract/evaluate/losses'
import { Bootstrap, mean, meanOf } from './bootstrap'
import type { LossTable, ModelLosses } from './loss-table'

/** Least part of the base's loss that a gain takes off: shares of a smaller one are noise, thousands of per cent of it. */
const LEAST_GAIN = 0.005

/**
 * What a table of losses says: means, percentile bootstrap intervals over pictures (seeded; differences and shares are
 * paired by picture), and how much of every specialist's gain each model keeps.
 * @throws FusionError 'validation' where not exactly one model is the base
 */
export function summariseLosses(table: LossTable, options: Partial<BootstrapOptions> = {}): LossSummary {
  const bases = table.models.filter(({ role }) => role === 'base')
  const [base] = bases
  if (!base || bases.length > 1)
    throw new FusionError('validation', `A comparison needs one base; this one has ${bases.length}.`)
  const bootstrap = new Bootstrap(options)
  const domains = table.domains.map(({ name, pictures }, place) => ({ name, place, count: pictures.length }))
  const perPicture = new Map(
    table.models.map((model) => [model, model.losses.map((own) => Float64Array.from(own, mean))]),
  )
  const baseLosses = perPicture.get(base)!

  /** A mean over domains of values per picture. */
  const estimate = (values: readonly Float64Array[], chosen: typeof domains): Estimate => ({
    value: mean(chosen.map(({ place }) => mean(values[place]!))),
    interval: bootstrap.interval(chosen, (drawn) =>
      mean(chosen.map(({ place }, i) => meanOf(values[place]!, drawn[i]!))),
    ),
  })
  const cell = (model: ModelLosses, chosen: typeof domains): LossCell => {
    const own = perPicture.get(model)!
    const difference = own.map((losses, place) => losses.map((loss, i) => loss - baseLosses[place]![i]!))
    return { loss: estimate(own, chosen), difference: model === base ? null : estimate(difference, chosen) }
  }

  const specialists = table.models.flatMap((model) => {
    if (model.role !== 'specialist') return []
    // A network that is broken may have no number for a loss; such a domain is nobody's own.
    const relative = domains.map(({ place }) => {
      const value = mean(perPicture.get(model)![place]!) / mean(baseLosses[place]!)
      return Number.isNaN(value) ? Infinity : value
    })
    const named = domains.findIndex(({ name }) => name === model.name)
    const domain = domains[named < 0 ? relative.indexOf(Math.min(...relative)) : named]!
    const { value, interval } = cell(model, [domain]).difference!
    const isWorthKeeping = -value >= LEAST_GAIN * mean(baseLosses[domain.place]!)
    return [{ model, domain, gains: isWorthKeeping && (interval?.high ?? value) < 0 }]
  })
  const kept = (model: ModelLosses): KeptGain[] =>
    specialists
      .filter(({ gains }) => gains)
      .map(({ model: specialist, domain }) => {
        const [low, own, high] = [base, model, specialist].map((each) => perPicture.get(each)![domain.place]!)
        const share = (of: (values: Float64Array) => number): number =>
          (100 * (of(low!) - of(own!))) / (of(low!) - of(high!))
        const interval = bootstrap.interval([domain], ([drawn]) => share((values) => meanOf(values, drawn!)))
        return { specialist: specialist.name, domain: domain.name, percent: { value: share(mean), interval } }
      })

  return {
    timesteps: [...table.timesteps],
    domains: domains.map(({ name, count }) => ({ name, pictures: count })),
    bootstrap: bootstrap.options,
    models: table.models.map((model) => {
      const specialist = specialists.find((each) => each.model === model)
      return {
        name: model.name,
        role: model.role,
        domains: domains.map((domain) => cell(model, [domain])),
        mean: cell(model, domains),
        curves: model.losses.map((own) => table.timesteps.map((_, step) => mean(own.map((row) => row[step]!)))),
        ownDomain: specialist?.domain.name ?? null,
        gains: specialist?.gains ?? false,
        kept: model === base ? [] : kept(model),
      }
    }),
  }
}
