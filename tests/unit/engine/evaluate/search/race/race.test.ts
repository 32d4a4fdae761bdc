import { describe, expect, it } from 'vitest'
import { expectedDifferences } from '../../../../../../src-main/engine/evaluate/search/race/expected-differences'
import { ERROR_LEVEL, Race } from '../../../../../../src-main/engine/evaluate/search/race/race'
import { studentTail } from '../../../../../../src-main/engine/evaluate/search/race/student-tail'
import { unitsOf, valueOf } from '../../../../../../src-main/engine/evaluate/search/objectives/objective'
import { TorchGenerator } from '../../../../../../src-main/engine/random'

/** Domains of several sizes, in three parts of like units. */
const strata = [6, 6, 4, 9].flatMap((pictures, _, all) =>
  [2, 3, 5].map((steps) => ({
    weight: steps / 10 / all.length,
    clusters: Array.from({ length: pictures * steps }, (_, place) => Math.floor(place / steps)),
  })),
)
/** Known before: parts of the first kind vary most. */
const spreads = strata.map((_, stratum) => [1, 0.5, 0.1][stratum % 3]!)
const zeros = strata.map(({ clusters }) => new Float64Array(clusters.length))

/** Differences of all units whose value is exactly `value`, with the spread and the tails of a distribution. */
function differences(
  value: number,
  draw: (random: TorchGenerator) => number,
  seed: number,
): Float64Array<ArrayBuffer>[] {
  const random = new TorchGenerator(seed)
  const raw = strata.map(({ clusters }, stratum) => {
    const [own, spread] = [draw(random), spreads[stratum]!]
    return Float64Array.from(clusters, () => spread * (own + draw(random)))
  })
  const middle = valueOf(strata, raw)
  return raw.map((own) => own.map((number) => number - middle + value))
}

const normal = (random: TorchGenerator): number => random.randn(1, 'float64')[0]!
/** As skewed (1.4) as the most skewed of the differences that were measured on the shipped family. */
const gamma = (random: TorchGenerator): number => -random.rand(2).reduce((sum, draw) => sum + Math.log(1 - draw), 0)
const DISTRIBUTIONS = {
  normal,
  'with a tail of better units': (random: TorchGenerator) => -gamma(random),
  'with a tail of worse units': gamma,
  'mostly alike, a tenth far apart': (random: TorchGenerator) => normal(random) * (random.rand(1)[0]! < 0.1 ? 4 : 1),
}

/** The look after which a race drops a trial; none: it lasts to the end. */
function droppedAt(race: Race, values: readonly Float64Array[], expected = zeros): number | null {
  const look = race.parts.slice(0, -1).findIndex((_, at) => race.compare(at, values, zeros, expected).isWorse)
  return look < 0 ? null : look
}

function dropped(orders: number, values: readonly Float64Array[], expected = zeros): number {
  const seeds = Array.from({ length: orders }, (_, seed) => seed)
  return seeds.filter((seed) => droppedAt(new Race(strata, spreads, seed), values, expected) !== null).length / orders
}

describe('the tail of Student’s t', () => {
  it.each([
    [0.5, 1, 0.35241638234956674],
    [2, 1.5, 0.11209416517802556],
    [3, 4.2, 0.01876623019843315],
    [2.5, 30, 0.009057824534033344],
    [6, 8, 0.00016169661094257446],
    [-1, 3, 0.8044988905221148],
    [12, 2.3, 0.0020039569191129033],
    [0, 5, 0.5],
    [4, 419, 3.743915998067601e-5],
  ])('of %d with %d degrees of freedom is %d (SciPy)', (t, degrees, tail) => {
    expect(studentTail(t, degrees) / tail).toBeCloseTo(1, 9)
  })
})

describe('a race', () => {
  it('measures every unit once, some of every domain before each look', () => {
    const { parts } = new Race(strata, spreads, 3)
    const key = ({ stratum, place }: { stratum: number; place: number }): string => `${stratum} ${place}`
    expect(parts.flat().map(key).toSorted()).toEqual(unitsOf(strata).map(key).toSorted())
    expect(new Set(parts[0]!.map(({ stratum }) => stratum)).size).toBe(strata.length)
    const sizes = parts.map((part) => part.length)
    expect(sizes.length).toBeGreaterThan(3)
    for (const look of sizes.keys())
      expect(sizes[look]! / sizes.slice(0, look).reduce((a, b) => a + b, 1)).toBeGreaterThan(0.15)
    expect(new Race(strata, spreads, 3).parts).toEqual(parts)
    expect(new Race(strata, spreads, 4).parts).not.toEqual(parts)
  })

  it.each(Object.entries(DISTRIBUTIONS))(
    'drops what is no worse as often as its error level at most: differences %s',
    (_, draw) => {
      for (const value of [0, -0.02])
        for (const population of [1, 2, 3, 4])
          expect(dropped(300, differences(value, draw, population))).toBeLessThanOrEqual(ERROR_LEVEL)
    },
  )

  it('keeps that level whatever is expected, and needs less where the expectation is right', () => {
    const values = differences(0, normal, 5)
    const right = differences(0.3, normal, 5).map((own) => own.map((number) => 0.9 * number))
    const wrong = differences(1, normal, 6)
    for (const expected of [right, wrong]) expect(dropped(400, values, expected)).toBeLessThanOrEqual(ERROR_LEVEL)
    const worse = differences(0.03, normal, 5)
    expect(dropped(200, worse, right)).toBe(1)
    expect(dropped(200, worse)).toBeLessThan(0.9)
  })

  it('drops at the first look what is far worse, and says by how much', () => {
    const values = differences(3, normal, 1)
    for (let seed = 0; seed < 20; seed++) {
      const race = new Race(strata, spreads, seed)
      expect(droppedAt(race, values)).toBe(0)
      expect(race.compare(0, values, zeros, zeros).difference).toBeGreaterThan(2)
      const last = race.compare(race.parts.length - 1, values, zeros, differences(7, normal, 2))
      expect(last).toEqual({ difference: expect.closeTo(valueOf(strata, values), 9) as number, isWorse: false })
    }
  })

  it('lasts to the end where there is too little to tell, and where nothing differs', () => {
    expect(dropped(50, zeros)).toBe(0)
    const few = [1, 2].map((units) => ({ weight: 0.5, clusters: Array<number>(units).fill(0) }))
    expect(new Race(few, [1, 1], 0).parts).toHaveLength(1)
  })
})

describe('what is expected of a trial', () => {
  const random = new TorchGenerator(9)
  const slopes = strata.map(({ clusters }) => clusters.map(() => random.randn(3, 'float64')))
  const pointAt = (coordinates: number[]) => ({
    coordinates,
    values: slopes.map((own) =>
      Float64Array.from(own, (slope) => 1 + slope.reduce((sum, part, i) => sum + part * coordinates[i]!, 0)),
    ),
  })

  it('is learnt from trials that were measured whole, where values are linear in the weights', () => {
    const points = [
      [1, 1, 1],
      [1.3, 1, 0.8],
      [0.6, 1.2, 1],
      [1, 0.7, 1.4],
      [1.1, 1.3, 1.2],
    ].map(pointAt)
    const at = [0.9, 1.1, 1.2]
    const truth = pointAt(at).values
    const expected = expectedDifferences(at, points[1]!, points)
    expected.forEach((own, stratum) =>
      own.forEach((value, place) => {
        expect(value).toBeCloseTo(truth[stratum]![place]! - points[1]!.values[stratum]![place]!, 1)
      }),
    )
  })

  it('is nothing where no other trial is known, or all lie at one place', () => {
    const point = pointAt([1, 1, 1])
    expect(expectedDifferences([2, 2, 2], point, [point])).toEqual(zeros)
    expect(expectedDifferences([2, 2, 2], point, [point, pointAt([1, 1, 1])])).toEqual(zeros)
  })
})
