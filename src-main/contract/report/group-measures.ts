import type { LayerSummary } from '../inspect'

/** What specialists have done to some layers together: one, those of a block, or the network's. */
export interface GroupMeasures {
  /** ‖K_m − K_0‖ / ‖K_0‖ by specialist. */
  change: (number | null)[]
  /** Cosine of what the merge changes with what the specialist changed; null where it is not known. */
  survives: (number | null)[]
  /** The least correlation of the specialist's change with that of another one, and which (place among the specialists). */
  conflict: ({ value: number; opponent: number } | null)[]
  /** Mean correlation of its change with those of the others. */
  others: (number | null)[]
}

/** Products of the specialists' changes, summed over layers. */
class Products {
  private readonly sums: Float64Array

  constructor(private readonly count: number) {
    this.sums = new Float64Array(count * count)
  }

  add(a: number, b: number, value: number): void {
    this.sums[a * this.count + b]! += value
  }

  of(a: number, b: number): number {
    return this.sums[a * this.count + b]!
  }
}

/**
 * Sums the layers up as if they were one.
 * @param specialists places of those to tell of in the summaries, from 0
 * @param factorsOf how much of each of these specialists' changes the merge adds to a layer; null where its change is no
 * sum of theirs
 */
export function measuresOf(
  layers: readonly LayerSummary[],
  specialists: readonly number[],
  factorsOf: (layer: LayerSummary) => readonly number[] | null,
): GroupMeasures {
  const correlations = new Products(specialists.length)
  const along = specialists.map(() => 0)
  const squares = specialists.map(() => 0)
  let base = 0
  let merged: number | null = 0
  for (const layer of layers) {
    const count = layer.deltaNormRatio.length
    const sizes = specialists.map((place) => layer.deltaNormRatio[place]! * layer.baseNorm)
    if (!sizes.every(Number.isFinite)) continue
    base += layer.baseNorm ** 2
    const factors = factorsOf(layer)
    if (factors === null) merged = null
    for (const [a, placeA] of specialists.entries()) {
      squares[a]! += sizes[a]! ** 2
      for (const [b, placeB] of specialists.entries()) {
        const at = placeA * count + placeB
        correlations.add(a, b, (layer.deltaCorrelation[at] ?? 0) * sizes[a]! * sizes[b]!)
        const product = (layer.deltaCosine[at] ?? 0) * sizes[a]! * sizes[b]!
        along[a]! += (factors?.[b] ?? 0) * product
        if (merged !== null) merged += factors![a]! * factors![b]! * product
      }
    }
  }
  const correlation = (a: number, b: number): number | null => {
    const lengths = Math.sqrt(squares[a]! * squares[b]!)
    return lengths > 0 ? correlations.of(a, b) / lengths : null
  }
  const ofOthers = specialists.map((_, a) =>
    specialists.flatMap((_, b) => {
      const value = a === b ? null : correlation(a, b)
      return value === null ? [] : [{ value, opponent: b }]
    }),
  )
  return {
    change: squares.map((square) => (base > 0 ? Math.sqrt(square / base) : null)),
    survives: squares.map((square, a) => {
      // Changes that cancel leave nothing that could be like any of them.
      const lengths = merged === null ? 0 : Math.sqrt(square * Math.max(0, merged))
      return lengths > 0 ? along[a]! / lengths : null
    }),
    conflict: ofOthers.map((all) => all.reduce<(typeof all)[number] | null>(lower, null)),
    others: ofOthers.map((all) =>
      all.length === 0 ? null : all.reduce((sum, { value }) => sum + value, 0) / all.length,
    ),
  }
}

function lower<One extends { value: number }>(least: One | null, one: One): One {
  return least !== null && least.value <= one.value ? least : one
}

/** The largest change of all specialists; null where none is known. */
export function largestChange({ change }: GroupMeasures): number | null {
  const known = change.filter((value) => value !== null)
  return known.length === 0 ? null : Math.max(...known)
}

/** The least correlation of two specialists' changes, and whose; null with fewer than two. */
export function strongestConflict({ conflict }: GroupMeasures): { value: number; pair: [number, number] } | null {
  return conflict
    .flatMap((one, own) => (one ? [{ value: one.value, pair: [own, one.opponent] as [number, number] }] : []))
    .reduce<{ value: number; pair: [number, number] } | null>(lower, null)
}

/** The least that survives of any specialist's change. */
export function leastSurvival({ survives }: GroupMeasures): number | null {
  const known = survives.filter((value) => value !== null)
  return known.length === 0 ? null : Math.min(...known)
}
