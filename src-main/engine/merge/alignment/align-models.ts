import { FusionError } from '../../../contract/errors'
import { formatCount } from '../../../contract/values/format'
import { TensorReader } from '../../checkpoint/containers/tensor-reader'
import type { Checkpoint, ComponentName } from '../../checkpoint/model/checkpoint'
import { MatrixProducts } from '../../linear-algebra/matrix-products'
import { matchUnits, reorderUnits, type OrderedSpace } from './match-units'
import { RememberedWork } from './remembered-work'
import { SPACE_KINDS, type SpaceKind } from './unit-spaces'

/** Who hears of models that are aligned while a merge is planned. */
export interface AlignListener {
  signal?: AbortSignal | undefined
  /** @param model its name @param fraction of all that is to be done */
  onAligning?: ((model: string, fraction: number) => void) | undefined
}

/** A model of a merge. */
interface NamedModel {
  entry: { name: string }
  checkpoint: Checkpoint
}

type Found = ReadonlyMap<ComponentName, readonly OrderedSpace[]>

/** By the files that orders were found in. */
const known = new RememberedWork<Found>(16)

/**
 * Specialists with their hidden units in the order of the base's (git re-basin): each computes what it did, and all
 * methods compare and add units that do the same.
 * @param models base first
 * @returns the models, and what is said of each specialist
 * @throws FusionError 'not-finite', 'source-changed', 'cancelled'
 */
export async function alignModels<Model extends NamedModel>(
  models: readonly Model[],
  components: readonly ComponentName[],
  listener: AlignListener = {},
): Promise<{ models: Model[]; notes: string[] }> {
  const [base, ...specialists] = models as [Model, ...Model[]]
  const notes: string[] = []
  const aligned: Model[] = [base]
  for (const [index, model] of specialists.entries()) {
    const { checkpoint } = model
    const { name } = model.entry
    const onProgress = (part: number): void => listener.onAligning?.(name, (index + part) / specialists.length)
    if (checkpoint.adapted) {
      notes.push(`${name} is an adapter, whose changes fit the base as it is: it is not aligned.`)
      aligned.push(model)
      continue
    }
    const key = JSON.stringify([components, ...[base.checkpoint, checkpoint].map((one) => [one.files, one.usesEma])])
    const found = await known.result(key, () =>
      findOrders(base.checkpoint, checkpoint, components, listener.signal, onProgress),
    )
    notes.push(inWords(name, base.entry.name, found))
    aligned.push({ ...model, checkpoint: reordered(checkpoint, found) })
  }
  return { models: aligned, notes }
}

async function findOrders(
  base: Checkpoint,
  specialist: Checkpoint,
  components: readonly ComponentName[],
  signal: AbortSignal | undefined,
  onProgress: (fraction: number) => void,
): Promise<Found> {
  const reader = new TensorReader([...base.files, ...specialist.files])
  const products = new MatrixProducts('cpu')
  try {
    const found = new Map<ComponentName, OrderedSpace[]>()
    for (const [index, name] of components.entries()) {
      const [own, other] = [base, specialist].map((checkpoint) => checkpoint.components.get(name))
      if (!own || !other) throw new FusionError('internal', `A model without ${name} cannot be aligned.`)
      const part = (fraction: number): void => onProgress((index + fraction) / components.length)
      found.set(name, await matchUnits(own, other, reader, { products, signal, onProgress: part }))
    }
    return found
  } finally {
    await products.release()
    reader.close()
  }
}

function reordered(checkpoint: Checkpoint, found: Found): Checkpoint {
  const components = new Map(checkpoint.components)
  for (const [name, spaces] of found) {
    if (spaces.some(({ orders }) => orders)) components.set(name, reorderUnits(components.get(name)!, spaces))
  }
  return { ...checkpoint, components }
}

/** How many units of each kind of space change places. */
function inWords(name: string, base: string, found: Found): string {
  const counts = new Map<SpaceKind, { moved: number; units: number }>()
  for (const { space, orders } of [...found.values()].flat()) {
    const count = counts.get(space.kind) ?? { moved: 0, units: 0 }
    counts.set(space.kind, count)
    count.units += space.units * space.sets.length
    count.moved += (orders ?? []).reduce((sum, order) => sum + order.filter((from, place) => from !== place).length, 0)
  }
  if (counts.size === 0) return `${name} is not aligned: its parts have no hidden units that this program knows.`
  const total = [...counts.values()].reduce((sum, { moved }) => sum + moved, 0)
  if (total === 0)
    return `${name} fits ${base} as it is: none of its hidden units changes places. Fine-tunes of one base need no alignment.`
  const parts = [...counts].map(
    ([kind, { moved, units }]) => `${formatCount(moved)} of ${formatCount(units)} in ${SPACE_KINDS[kind]}`,
  )
  return `${name}: hidden units that change places to fit ${base}: ${parts.join(', ')}. By itself it computes what it did.`
}
