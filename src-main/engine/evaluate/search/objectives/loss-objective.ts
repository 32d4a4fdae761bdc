import type { EvaluationSet } from '../../data/evaluation-set'
import type { ChosenDomain } from '../../data/splits'
import type { LossMeter } from '../../losses/loss-table'
import type { LossUnit } from '../../losses/denoising-loss'
import type { Objective, Unit } from './objective'

/**
 * Where timesteps part, as fractions of their number, from those with little noise on. Losses of different weights differ
 * most where there is little noise: on the shipped family domain and timestep make four fifths of the variance.
 */
const PARTS = [0.2, 0.4, 1]
/** Units of a stratum: of fewer, two are too large a part to begin with. */
const LEAST_UNITS = 6

/** What losses are measured on. */
export interface MeasuredData {
  timesteps: readonly number[]
  chosen: readonly ChosenDomain[]
}

/** What measures losses: `chosen` are the same pictures by their places in the set. */
interface LossTools {
  meter: Pick<LossMeter, 'open'>
  set: Pick<EvaluationSet, 'domains'>
  chosen: readonly ChosenDomain[]
}

/**
 * The mean denoising loss on some pictures: a unit is a picture at one timestep, with the same noise for all models. Every
 * domain counts the same.
 * @param load called with every model that is measured
 */
export function lossObjective(
  load: () => Promise<LossTools>,
  { timesteps, chosen }: MeasuredData,
  signal?: AbortSignal,
): Objective {
  const parts = chosen.flatMap(({ name, pictures }, domain) =>
    groupsOf(timesteps, pictures.length).map((steps) => ({
      stratum: {
        aim: 'loss',
        domain: name,
        weight: steps.length / timesteps.length / chosen.length,
        clusters: pictures.flatMap((_, cluster) => steps.map(() => cluster)),
      },
      units: pictures.flatMap((_, picture) => steps.map((step) => ({ domain, picture, step }))),
    })),
  )
  return {
    strata: parts.map(({ stratum }) => stratum),
    async open(model) {
      const { meter, set, chosen: encoded } = await load()
      const unitOf = ({ stratum, place }: Unit): LossUnit => {
        const { domain, picture, step } = parts[stratum]!.units[place]!
        const { name, pictures } = encoded[domain]!
        return { domain: set.domains.find((own) => own.name === name)!, picture: pictures[picture]!.index, step }
      }
      const { losses, release } = await meter.open(model, signal)
      return { values: (wanted) => losses(wanted.map(unitOf)), release }
    },
  }
}

/** Numbers of the timesteps, in groups of like noise. */
function groupsOf(timesteps: readonly number[], pictures: number): number[][] {
  const order = [...timesteps.keys()].sort((a, b) => timesteps[a]! - timesteps[b]!)
  const groups: number[][] = []
  let first = 0
  for (const part of PARTS) {
    const end = Math.round(part * order.length)
    const isLarge = (count: number): boolean => count * pictures >= LEAST_UNITS
    // What is left behind must be large enough as well.
    if (part < 1 && !(isLarge(end - first) && isLarge(order.length - end))) continue
    groups.push(order.slice(first, end))
    first = end
  }
  return groups
}
