import type { Objective, OpenedModel } from './objective'

/** One term of a sum. */
export interface Term {
  objective: Objective
  factor: number
}

/** The sum of several objectives, each times its factor: a unit is one of either. */
export function weightedObjective(terms: readonly Term[]): Objective {
  const owners = terms.flatMap(({ objective: { strata }, factor }, term) =>
    strata.map((stratum, own) => ({ term, own, stratum: { ...stratum, weight: factor * stratum.weight } })),
  )
  return {
    strata: owners.map(({ stratum }) => stratum),
    async open(model) {
      const opened: OpenedModel[] = []
      const release = async (): Promise<void> => {
        for (const one of opened.splice(0)) await one.release()
      }
      try {
        for (const { objective } of terms) opened.push(await objective.open(model))
      } catch (error) {
        await release()
        throw error
      }
      return {
        async values(units) {
          const values = new Float64Array(units.length)
          for (const [term, one] of opened.entries()) {
            const places = [...units.keys()].filter((at) => owners[units[at]!.stratum]!.term === term)
            if (places.length === 0) continue
            const own = places.map((at) => ({ ...units[at]!, stratum: owners[units[at]!.stratum]!.own }))
            const measured = await one.values(own)
            places.forEach((at, index) => (values[at] = measured[index]!))
          }
          return values
        },
        release,
      }
    },
  }
}
