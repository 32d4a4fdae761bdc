import type { Component, ComponentName, OpenedParts, TensorView } from '../model/checkpoint'
import type { StoredTensor, WeightsContainer } from '../containers/container'
import { isExtraName } from '../model/extras'
import { type NameTable, type Naming, viewOf } from '../key-maps/name-table'
import { nameUnder } from '../key-maps/wrappers'

/** A format that is one file, in whatever container. */
export interface FileFormat {
  /** undefined where the file is of another format. */
  open(file: WeightsContainer): Promise<OpenedParts | undefined>
}

/** A format that is a folder. */
export interface FolderFormat {
  /** undefined where the folder, with these names in it, is of another format. */
  open(path: string, entries: ReadonlySet<string>): Promise<OpenedParts | undefined>
}

/**
 * The component that `naming` finds in tensors, of which all are under `prefix`; what it does not know is left, and what
 * is never merged.
 */
export function readComponent(
  name: ComponentName,
  tensors: readonly StoredTensor[],
  { prefix, naming }: { prefix: string; naming: Naming },
): { component: Component; left: StoredTensor[] } {
  const named = tensors.map((tensor) => nameUnder(prefix, tensor.name) ?? tensor.name)
  const table: NameTable = naming.fromStored(named)
  const views = new Map<string, TensorView>()
  const left: StoredTensor[] = []
  tensors.forEach((tensor, index) => {
    const found = table.toCanonical(named[index] as string).map((mapped) => viewOf(tensor, mapped))
    if (isExtraName(tensor.name) || found.length === 0 || found.some((view) => !view || views.has(view.name)))
      left.push(tensor)
    else for (const view of found) if (view) views.set(view.name, view)
  })
  return { component: { name, config: null, tensors: views }, left }
}
