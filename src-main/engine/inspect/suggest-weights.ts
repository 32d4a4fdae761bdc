import type { LayerSummary, WeightAdvice } from '../../contract/inspect'
import type { ModelEntry } from '../../contract/document/project'
import { groupBy } from '../../contract/values/group-by'

/** Two specialists oppose each other from this correlation on; nearer to 0 they touch different directions. */
const OPPOSED = -0.05
/**
 * A specialist whose change is smaller than this part of the largest one takes no part: equal parts would blow up what
 * may be no more than rounding.
 */
const LEAST_CHANGE = 0.05
/**
 * Least gain in agreement that is worth a suggestion. Two equal specialists that share no direction agree by 0.71 with
 * their mean; moving both sliders by one step of 0.05 in opposite ways takes 0.035 off that. What a single step can do
 * nobody needs to be told.
 */
const LEAST_GAIN = 0.05
/** Of suggested weights. */
const DIGITS = 3
/** Added to every specialist's correlation with itself: changes that cancel exactly have no equal parts. */
const RIDGE = 1e-3
const MOST_SWEEPS = 2000

/**
 * Weights by which every specialist has an equal part in the merged change, for the whole network and for every block,
 * from the summaries of `inspect` alone: no data, no weights read.
 *
 * With d_m = K_m − K_0 and G the inner products of the d_m summed over a block's layers, the merged change is
 * Δ = Σ w_m d_m, and w_m (Gw)_m / wᵀGw is the part of it that comes from specialist m: these parts sum to 1, and one
 * that is negative says that the merge moves against that specialist. Equal parts are the Nash bargaining solution of
 * 'Multi-Task Learning as a Bargaining Game' (Navon et al., ICML 2022, claim 3.1: GᵀGα = 1/α), here over whole
 * fine-tunes instead of gradients; unlike the min-norm point of MGDA (Désidéri 2012) it does not leave out a specialist
 * because others agree with it. The sum of the weights is kept, so is the base's share.
 *
 * Changes are taken relative to the base's layer, ‖d_m‖/‖K_0‖: a layer counts by how much it was changed, not by its
 * size. A block's layers count together also where a layer pattern gives some of them other weights.
 * @param names of the models that `rows` are about, base first
 * @param models of the project, base first; dropped ones and those without a positive weight take no part
 * @returns the whole network first, then block by block; empty where fewer than two specialists
 * take part, or `rows` know not all of them
 */
export function suggestWeights(
  names: readonly string[],
  rows: readonly LayerSummary[],
  models: readonly ModelEntry[],
): WeightAdvice[] {
  const enabled = models.slice(1).filter((model) => model.enabled)
  const places = enabled.map(({ name }) => names.indexOf(name, 1) - 1)
  if (enabled.length < 2 || places.some((place) => place < 0)) return []
  const ofBlock = groupBy(rows, ({ block }) => block)
  const advise = (block: string | null, layers: readonly LayerSummary[]): WeightAdvice[] => {
    const sizes = innerProducts(layers, names.length - 1)
    const pulls = enabled.map(({ name, weight, blocks }, index) => {
      const place = places[index]!
      return {
        name,
        place,
        size: Math.sqrt(sizes(place, place)),
        weight: (block === null ? undefined : blocks[block]) ?? weight,
      }
    })
    const largest = Math.max(...pulls.map(({ size }) => size))
    const taking = pulls.filter(({ size, weight }) => weight > 0 && size > LEAST_CHANGE * largest)
    if (taking.length < 2) return []
    const correlation = taking.map((a) => taking.map((b) => sizes(a.place, b.place) / (a.size * b.size)))
    return [adviceOn(block, taking, correlation)]
  }
  // The labels of blocks (merge/plan/blocks.ts) are in network order by name.
  const byLabel = [...ofBlock].sort(([one], [other]) => (one < other ? -1 : 1))
  const inherited = byLabel.filter(([block]) => enabled.every(({ blocks }) => blocks[block] === undefined))
  return [
    ...advise(
      null,
      inherited.flatMap(([, layers]) => layers),
    ),
    ...byLabel.flatMap(([block, layers]) => advise(block, layers)),
  ]
}

/** A specialist that takes part in some layers. */
interface Pull {
  name: string
  /** Length of its change there. */
  size: number
  weight: number
}

/** Inner products of the specialists' changes, summed over layers, in units of the base's layers. */
function innerProducts(layers: readonly LayerSummary[], specialists: number): (a: number, b: number) => number {
  const sums = new Float64Array(specialists * specialists)
  for (const { deltaNormRatio, deltaCorrelation } of layers) {
    if (!deltaNormRatio.every(Number.isFinite)) continue
    deltaCorrelation.forEach((correlation, index) => {
      const [a, b] = [Math.floor(index / specialists), index % specialists]
      sums[index]! += (correlation ?? 0) * deltaNormRatio[a]! * deltaNormRatio[b]!
    })
  }
  return (a, b) => sums[a * specialists + b]!
}

function adviceOn(block: string | null, pulls: readonly Pull[], correlation: readonly number[][]): WeightAdvice {
  const strengths = equalParts(correlation)
  const total = pulls.reduce((sum, { weight }) => sum + weight, 0)
  const raw = pulls.map(({ size }, m) => strengths[m]! / size)
  const scale = total / raw.reduce((sum, value) => sum + value, 0)
  const weights = roundedTo(
    raw.map((value) => value * scale),
    total,
  )
  const now = mergedChange(pulls, correlation)
  const then = mergedChange(
    pulls.map((pull, m) => ({ ...pull, weight: weights[m]! })),
    correlation,
  )
  const suggested = then.agreement - now.agreement >= LEAST_GAIN
  return {
    block,
    suggested,
    specialists: pulls.map(({ name, weight }, m) => ({
      name,
      weight,
      suggestedWeight: suggested ? weights[m]! : weight,
      part: now.parts[m]!,
    })),
    agreement: { now: now.agreement, suggested: suggested ? then.agreement : now.agreement },
    reason: reasonOf(block, pulls, correlation, suggested),
  }
}

/** Parts of the specialists in the merged change (sum 1), and its least cosine with one of theirs. */
function mergedChange(
  pulls: readonly Pull[],
  correlation: readonly number[][],
): { parts: number[]; agreement: number } {
  const strengths = pulls.map(({ size, weight }) => size * weight)
  const along = correlation.map((row) => row.reduce((sum, value, m) => sum + value * strengths[m]!, 0))
  const square = strengths.reduce((sum, strength, m) => sum + strength * along[m]!, 0)
  // Changes that cancel leave nothing that could agree with anyone.
  const cancelled = square <= 1e-12 * strengths.reduce((sum, strength) => sum + strength ** 2, 0)
  return {
    parts: strengths.map((strength, m) => (cancelled ? 0 : (strength * along[m]!) / square)),
    agreement: cancelled ? 0 : Math.min(...along) / Math.sqrt(square),
  }
}

/**
 * x > 0 with x_m (Rx)_m = 1 for all m: the minimum of ½ xᵀRx − Σ log x_m, which is convex, one coordinate after the other
 * (Griveau-Billion, Richard, Roncalli 2013, 'A fast algorithm for computing high-dimensional risk parity portfolios').
 */
function equalParts(correlation: readonly number[][]): number[] {
  const x = correlation.map(() => 1)
  for (let sweep = 0, change = 1; sweep < MOST_SWEEPS && change > 1e-9; sweep++) {
    change = 0
    correlation.forEach((row, m) => {
      const own = 1 + RIDGE
      const others = row.reduce((sum, value, other) => (other === m ? sum : sum + value * x[other]!), 0)
      const next = (-others + Math.sqrt(others ** 2 + 4 * own)) / (2 * own)
      change = Math.max(change, Math.abs(next - x[m]!) / next)
      x[m] = next
    })
  }
  return x
}

/** Rounds numbers that sum to `total`; what rounding changes of the sum goes to the largest. */
function roundedTo(values: readonly number[], total: number): number[] {
  const rounded = values.map((value) => Number(value.toPrecision(DIGITS)))
  const largest = rounded.indexOf(Math.max(...rounded))
  const rest = rounded.reduce((sum, value, index) => (index === largest ? sum : sum + value), 0)
  rounded[largest] = Number((total - rest).toFixed(6))
  return rounded
}

function reasonOf(
  block: string | null,
  pulls: readonly Pull[],
  correlation: readonly number[][],
  suggested: boolean,
): string {
  const where = block === null ? 'the network' : 'these layers'
  const pairs = pulls.flatMap((a, i) => pulls.slice(i + 1).map((b, j) => ({ a, b, r: correlation[i]![i + 1 + j]! })))
  const { a, b, r } = pairs.reduce((lowest, pair) => (pair.r < lowest.r ? pair : lowest))
  const opposed = r <= OPPOSED
  const number = r
    .toFixed(2)
    .replace(/^-(?=.*[1-9])/, '−')
    .replace(/^-/, '')
  const opposition = `${a.name} and ${b.name} change ${where} in opposite directions (correlation ${number})`
  const strength = ({ size, weight }: Pull): number => size * weight
  const bySize = [...pulls].sort((one, other) => strength(one) - strength(other))
  const [weakest, strongest] = [bySize[0]!, bySize.at(-1)!]
  const times = (strength(strongest) / strength(weakest)).toFixed(1)
  if (!suggested) {
    return opposed
      ? `No suggestion: ${opposition}, but other weights would help very little. Drop one of them, or keep both as they are.`
      : `No suggestion: these specialists agree, or change different directions (lowest correlation ${number}), and no specialist is much stronger than another.`
  }
  const larger = ` change of ${strongest.name} is ${times} × as large as that of ${weakest.name}`
  return opposed
    ? `${opposition}, and the${larger}.`
    : `The${larger}; no two change ${where} in opposite directions (lowest correlation: ${a.name} and ${b.name}, ${number}).`
}
