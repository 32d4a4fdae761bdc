/**
 * What a pickle describes, as data. A pickle is a program that names functions and calls them; here the names stay names
 * and the calls stay records of what was to be called. None of these classes can be called, imported or run.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleTuple
  | PickleList
  | PickleDict
  | PickleSet
  | GlobalName
  | PersistentId
  | BuiltObject

export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

export class PickleList {
  readonly items: PickleValue[] = []
}

export class PickleSet {
  readonly items: PickleValue[] = []
}

/** A dict in the order of its keys. Keys that are no plain values count as equal only to themselves. */
export class PickleDict {
  // Made when needed: an empty dict costs one byte in a pickle.
  private map: Map<PickleValue, PickleValue> | undefined

  set(key: PickleValue, value: PickleValue): void {
    this.map ??= new Map()
    this.map.set(key, value)
  }

  get(key: PickleValue): PickleValue | undefined {
    return this.map?.get(key)
  }

  entries(): Iterable<readonly [PickleValue, PickleValue]> {
    return this.map?.entries() ?? []
  }
}

/** The name of a class or function of Python: `torch._utils` and `_rebuild_tensor_v2`. */
export class GlobalName {
  /** `torch._utils._rebuild_tensor_v2` */
  readonly path: string

  constructor(
    readonly module: string,
    readonly name: string,
  ) {
    this.path = `${module}.${name}`
  }
}

/** A reference to something outside the pickle; PyTorch's are storages. */
export class PersistentId {
  constructor(readonly id: PickleValue) {}
}

/** What Python would get by calling a class or function: who was to be called, with what, and what was added to it. */
export class BuiltObject {
  state: PickleValue | undefined
  /** Items that were set on it, as on a dict. */
  items: PickleDict | undefined

  constructor(
    readonly maker: GlobalName,
    readonly args: readonly PickleValue[],
  ) {}
}
