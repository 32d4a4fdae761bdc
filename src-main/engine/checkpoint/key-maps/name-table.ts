import { elementCount } from '../../tensor/element-type'
import type { TensorView } from '../model/checkpoint'
import type { StoredTensor } from '../containers/container'
import { groupBy } from '../../../contract/values/group-by'

/**
 * How a stored tensor holds its canonical one: a [a, b, 1, 1] convolution for an [a, b] matrix, its transpose, or the
 * first, second or third of three equal parts stacked along the first dimension (OpenCLIP's in_proj: q, k, v).
 */
export type Form = 'pointwise' | 'transposed' | 0 | 1 | 2

/** A tensor, or a module with all tensors under it: its name in diffusers' form and its name in a file. */
export interface NamePair {
  canonical: string
  stored: string
  form?: Form
}

/** A name found by a table, with the form that its pair has. */
export interface MappedName {
  name: string
  form?: Form
}

/** Names in diffusers' form to and from the names of one layout; read and write share its pairs. */
export class NameTable {
  private readonly byStored: Map<string, NamePair[]>
  private readonly byCanonical = new Map<string, NamePair>()

  constructor(pairs: readonly NamePair[]) {
    this.byStored = groupBy(pairs, ({ stored }) => stored)
    for (const pair of pairs) if (!this.byCanonical.has(pair.canonical)) this.byCanonical.set(pair.canonical, pair)
  }

  /** The canonical tensors that a stored one holds: none where the table does not know it, three for in_proj. */
  toCanonical(stored: string): MappedName[] {
    const [pairs, rest] = longestPrefix(this.byStored, stored)
    return (pairs ?? []).map(({ canonical, form }) => mapped(canonical + rest, form))
  }

  /** The stored tensor that holds a canonical one. */
  toStored(canonical: string): MappedName | undefined {
    const [pair, rest] = longestPrefix(this.byCanonical, canonical)
    return pair && mapped(pair.stored + rest, pair.form)
  }
}

function mapped(name: string, form: Form | undefined): MappedName {
  return form === undefined ? { name } : { name, form }
}

function longestPrefix<T>(map: Map<string, T>, name: string): [T | undefined, string] {
  for (let end = name.length; end > 0; end = name.lastIndexOf('.', end - 1)) {
    const found = map.get(name.slice(0, end))
    if (found !== undefined) return [found, name.slice(end)]
  }
  return [undefined, '']
}

/**
 * Both directions of a layout for one network. A table is made from the names at hand, because the number of blocks and
 * layers decides the names of others.
 */
export interface Naming {
  fromStored(names: readonly string[]): NameTable
  fromCanonical(names: readonly string[]): NameTable
}

/** The view of a stored tensor as the canonical one; undefined where its shape does not allow the form. */
export function viewOf(stored: StoredTensor, { name, form }: MappedName): TensorView | undefined {
  const { shape } = stored
  const view = { name, shape, stored, start: 0, transposed: false }
  const [rows = 0, columns = 0] = shape
  if (form === undefined) return view
  if (form === 'pointwise') return isPointwise(shape) ? { ...view, shape: [rows, columns] } : view
  if (form === 'transposed')
    return shape.length === 2 ? { ...view, shape: [columns, rows], transposed: true } : undefined
  if (shape.length === 0 || rows % 3 !== 0) return undefined
  const partShape = [rows / 3, ...shape.slice(1)]
  return { ...view, shape: partShape, start: form * elementCount(partShape) }
}

/** Views of stored tensors under their own names. */
export function plainViews(tensors: readonly StoredTensor[]): Map<string, TensorView> {
  return new Map(
    tensors.map((stored) => [
      stored.name,
      { name: stored.name, shape: stored.shape, stored, start: 0, transposed: false },
    ]),
  )
}

/** The shape of the stored tensor that holds a canonical one of `shape`. */
export function storedShape(shape: readonly number[], form: Form | undefined): readonly number[] {
  if (form === undefined) return shape
  if (form === 'pointwise') return shape.length === 2 ? [...shape, 1, 1] : shape
  if (form === 'transposed') return shape.toReversed()
  return [3 * (shape[0] ?? 0), ...shape.slice(1)]
}

function isPointwise(shape: readonly number[]): boolean {
  return shape.length === 4 && shape[2] === 1 && shape[3] === 1
}

/** Pairs that leave names as they are, one for each first part among `names`. */
export function identityPairs(names: readonly string[]): NamePair[] {
  const roots = new Set(names.map((name) => name.split('.', 1)[0] as string))
  return [...roots].map((root) => ({ canonical: root, stored: root }))
}

/** The names of all modules, of whatever depth. */
export function modulesOf(names: Iterable<string>): Set<string> {
  const modules = new Set<string>()
  for (const name of names) {
    for (let end = name.lastIndexOf('.'); end > 0; end = name.lastIndexOf('.', end - 1)) {
      const module = name.slice(0, end)
      if (modules.has(module)) break // and with it all that hold it
      modules.add(module)
    }
  }
  return modules
}

/** More levels or layers than any network has: bounds what the names in a hostile file can cost. */
const MAX_MODULES = 256

/** One more than the largest number that the pattern's group finds among `names`, at most MAX_MODULES. */
export function countOf(names: readonly string[], pattern: RegExp): number {
  const most = names.reduce((count, name) => Math.max(count, 1 + Number(pattern.exec(name)?.[1] ?? -1)), 0)
  return Math.min(most, MAX_MODULES)
}
