import { isSum } from '../../adapter-forms/additive'
import type { ComputedTensor, StoredRun } from '../../checkpoint/containers/container'
import { computedTensor } from '../../checkpoint/containers/derived/computed-tensor'
import type { TensorView } from '../../checkpoint/model/checkpoint'
import type { LinearCombination } from '../../tensor/weighted-sum'

/** How many times the sum of their coefficients the coefficient of one of them may be: beyond, float32 loses digits. */
const MOST_SHARE = 8

/** A tensor as a weight to which sums are added. */
interface Sum {
  weight: StoredRun
  /** What is added, innermost first. */
  changes: Change[]
}

interface Change {
  /** Of the adapter, for messages. */
  path: string
  tensor: ComputedTensor
}

/** Models of a combination. */
interface Group {
  views: TensorView[]
  coefficients: number[]
  sums: Sum[]
}

/**
 * A linear combination in which models that are one weight and adapters' sums on it are one tensor: Σ c_m (W + D_m) =
 * C (W + Σ c_m / C · D_m) with C = Σ c_m. The weight is read once instead of once for every adapter.
 * @returns the same combination where there is nothing to fold
 */
export function foldAdapters(
  views: readonly TensorView[],
  combination: LinearCombination,
): { views: TensorView[]; combination: LinearCombination } {
  const unfolded = { views: [...views], combination }
  if (views.every(({ stored }) => !stored.computed)) return unfolded
  const groups = groupsOf(views, combination.coefficients).flatMap(fold)
  if (groups.length === views.length) return unfolded
  return {
    views: groups.map(([view]) => view),
    combination: { ...combination, coefficients: groups.map(([, coefficient]) => coefficient) },
  }
}

/** Models by the weight that they change; those that take no part are left out. */
function groupsOf(views: readonly TensorView[], coefficients: readonly number[]): Group[] {
  const groups = new Map<string, Group>()
  views.forEach((view, model) => {
    if (coefficients[model] === 0) return
    const sum = sumOf(view)
    const { stored, start, transposed } = sum.weight
    const key = stored.computed?.key ?? JSON.stringify([stored.path, stored.offset, start, transposed])
    const group = groups.get(key) ?? { views: [], coefficients: [], sums: [] }
    groups.set(key, group)
    group.views.push(view)
    group.coefficients.push(coefficients[model]!)
    group.sums.push(sum)
  })
  return [...groups.values()]
}

function sumOf(view: TensorView): Sum {
  const sum: Sum = { weight: view, changes: [] }
  for (let computed = view.stored.computed; computed; computed = computed.weight.stored.computed) {
    const { factors, form, weight } = computed
    if (!isSum(form, (name) => factors[name]?.shape)) break
    sum.changes.unshift({ path: sum.weight.stored.path, tensor: computed })
    sum.weight = weight
  }
  return sum
}

/** A group as one model with its coefficient, or its models as they are. */
function fold({ views, coefficients, sums }: Group): (readonly [TensorView, number])[] {
  const total = coefficients.reduce((sum, coefficient) => sum + coefficient, 0)
  const unfolded = views.map((view, model) => [view, coefficients[model]!] as const)
  const isSmall = coefficients.some((coefficient) => Math.abs(coefficient) > MOST_SHARE * Math.abs(total))
  // A changed weight is float32: less than a weight of float64 has.
  const isDouble = sums[0]!.weight.stored.elementType === 'F64'
  // Models that are the same without any change keep the sum that they had.
  const areUnchanged = sums.every(({ changes }) => changes.length === 0)
  if (views.length === 1 || isSmall || isDouble || areUnchanged) return unfolded
  const { name, shape } = views[0]!
  const changes = sums.flatMap((sum, model) =>
    sum.changes.map((change) => ({ change, coefficient: coefficients[model]! })),
  )
  const run = changes.reduce<StoredRun>((weight, { change: { path, tensor }, coefficient }) => {
    const { form, factors, settings } = tensor
    const multiplier = (settings.multiplier * coefficient) / total
    const stored = computedTensor(name, path, { weight, form, factors, settings: { ...settings, multiplier } })
    return { shape, stored, start: 0, transposed: false }
  }, sums[0]!.weight)
  return [[{ name, ...run }, total]]
}
