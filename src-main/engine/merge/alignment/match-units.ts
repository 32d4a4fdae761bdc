import { permutedTensor } from '../../checkpoint/containers/derived/permuted-tensors'
import type { TensorReader } from '../../checkpoint/containers/tensor-reader'
import type { Component, TensorView } from '../../checkpoint/model/checkpoint'
import { yieldOrCancel } from '../../cancel'
import type { MatrixProducts } from '../../linear-algebra/matrix-products'
import { bestOrders } from './best-orders'
import { TensorValues } from './tensor-values'
import { staysInPlace, unitRows, weightGain, type UnitRows } from './unit-rows'
import { commonSpaces, type UnitPlace, type UnitSpace } from './unit-spaces'

/** The orders of a space's sets; null: as they are. */
export interface OrderedSpace {
  space: UnitSpace
  orders: Int32Array[] | null
}

export interface MatchOptions {
  products: MatrixProducts
  signal?: AbortSignal | undefined
  /** Called with the fraction that is done. */
  onProgress?: ((fraction: number) => void) | undefined
}

/** A space is looked at again when one that shares a tensor with it has changed: so often at most. */
const MOST_VISITS = 20

/**
 * Weight matching of git re-basin (Ainsworth et al. 2023, algorithm 1) over the spaces of hidden units that two networks
 * of one architecture have in common: one space after the other gets the order that is best with the orders of all
 * others, until none changes.
 * @param own whose order stays
 * @throws FusionError 'not-finite', 'source-changed', 'cancelled'
 */
export async function matchUnits(
  own: Component,
  other: Component,
  reader: TensorReader,
  options: MatchOptions,
): Promise<OrderedSpace[]> {
  return new UnitMatcher(own, other, reader, options).match()
}

/** A component with its units in other orders: it computes the same. */
export function reorderUnits(component: Component, found: readonly OrderedSpace[]): Component {
  const orders = new OrdersByTensor(found)
  const tensors = [...component.tensors].map(([name, view]): [string, TensorView] => [name, orders.apply(view)])
  return { ...component, tensors: new Map(tensors) }
}

class UnitMatcher {
  private readonly found: OrderedSpace[]
  private readonly orders: OrdersByTensor
  private readonly values: TensorValues
  private readonly pause = (): Promise<void> => yieldOrCancel(this.options.signal)

  constructor(
    private readonly own: Component,
    private readonly other: Component,
    reader: TensorReader,
    private readonly options: MatchOptions,
  ) {
    this.found = commonSpaces(own, other).map((space) => ({ space, orders: null }))
    this.orders = new OrdersByTensor(this.found)
    this.values = new TensorValues(reader)
  }

  async match(): Promise<OrderedSpace[]> {
    const visits = new Map<OrderedSpace, number>()
    const waiting = [...this.found]
    const work = (entry: OrderedSpace): number => entry.space.units ** 2
    const total = this.found.reduce((sum, entry) => sum + work(entry), 0)
    let done = 0
    for (let entry = waiting.shift(); entry; entry = waiting.shift()) {
      await this.pause()
      const visited = visits.get(entry) ?? 0
      visits.set(entry, visited + 1)
      if (await this.improve(entry)) {
        const again = this.orders.neighbours(entry).filter((one) => !waiting.includes(one))
        waiting.push(...again.filter((one) => (visits.get(one) ?? 0) < MOST_VISITS))
      }
      if (visited === 0) done += work(entry)
      this.options.onProgress?.(done / total)
    }
    return this.found
  }

  /** @returns whether the orders have changed */
  private async improve(entry: OrderedSpace): Promise<boolean> {
    const { products } = this.options
    const { sets, blocks } = entry.space
    const before = entry.orders
    let stay = true
    for (const set of sets) stay &&= await staysInPlace(this.rowsOf(entry, set), products)
    entry.orders = null
    if (!stay) {
      const gains = []
      for (const set of sets) gains.push(await weightGain(this.rowsOf(entry, set), products))
      const orders = await bestOrders(gains, blocks, this.pause)
      if (!orders.every(isIdentity)) entry.orders = orders
    }
    return !sameOrders(before, entry.orders)
  }

  /** What leads into the units of a set and out of them, in both networks, the other one in the orders found so far. */
  private async *rowsOf({ space }: OrderedSpace, set: readonly UnitPlace[]): AsyncGenerator<UnitRows> {
    for (const { tensor, axis, first } of set) {
      await this.pause()
      const part = { axis, first, count: space.units }
      const own = this.own.tensors.get(tensor)!
      const other = this.orders.apply(this.other.tensors.get(tensor)!, axis)
      yield {
        own: unitRows(this.values.of(own), own.shape, part),
        other: unitRows(this.values.of(other), other.shape, part),
      }
    }
  }
}

/** Which orders hold for the rows and columns of every tensor. */
class OrdersByTensor {
  private readonly byTensor = new Map<string, { entry: OrderedSpace; set: number; place: UnitPlace }[]>()

  constructor(private readonly found: readonly OrderedSpace[]) {
    for (const entry of found)
      entry.space.sets.forEach((places, set) => {
        for (const place of places) {
          const uses = this.byTensor.get(place.tensor) ?? []
          this.byTensor.set(place.tensor, uses)
          uses.push({ entry, set, place })
        }
      })
  }

  /** Other spaces that have a tensor in common with one. */
  neighbours(entry: OrderedSpace): OrderedSpace[] {
    const tensors = new Set(entry.space.sets.flat().map(({ tensor }) => tensor))
    return this.found.filter((one) => one !== entry && one.space.sets.flat().some(({ tensor }) => tensors.has(tensor)))
  }

  /** A tensor in the orders that hold now. @param except an axis that is left as it is */
  apply(view: TensorView, except?: 0 | 1): TensorView {
    const [rows, columns] = ([0, 1] as const).map((axis) => (axis === except ? null : this.orderOf(view, axis)))
    if (!rows && !columns) return view
    const { name, shape } = view
    const stored = permutedTensor(view, { rows: rows ?? null, columns: columns ?? null })
    return { name, shape, stored, start: 0, transposed: false }
  }

  private orderOf({ name, shape }: TensorView, axis: 0 | 1): Int32Array | null {
    const uses = (this.byTensor.get(name) ?? []).filter(({ entry, place }) => place.axis === axis && entry.orders)
    if (uses.length === 0) return null
    const order = Int32Array.from({ length: shape[axis]! }, (_, place) => place)
    for (const { entry, set, place } of uses)
      entry.orders![set]!.forEach((from, to) => (order[place.first + to] = place.first + from))
    return order
  }
}

function isIdentity(order: Int32Array): boolean {
  return order.every((from, place) => from === place)
}

function sameOrders(one: readonly Int32Array[] | null, other: readonly Int32Array[] | null): boolean {
  if (!one || !other) return one === other
  return one.every((order, set) => order.every((from, place) => from === other[set]![place]))
}
