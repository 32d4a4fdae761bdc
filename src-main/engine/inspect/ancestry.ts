import type { Ancestry } from '../../contract/model-cards'
import { methodSchema } from '../../contract/document/project'
import { yieldOrCancel } from '../cancel'
import { denoiserName } from '../checkpoint/denoisers'
import type { Checkpoint } from '../checkpoint/model/checkpoint'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import { TensorValues } from '../merge/alignment/tensor-values'
import { Blocks } from '../merge/plan/blocks'
import { layersOf } from '../merge/plan/layers'

/** Rows of a layer that are read: of most layers a part, which tells the whole layer's change to a few per cent. */
const ROWS = 48

/** Sums over weights: of squares of the base's, the model's and of their difference, and of their products. */
interface Sums {
  base: number
  model: number
  change: number
  product: number
}

const NOTHING: Sums = { base: 0, model: 0, change: 0, product: 0 }

/**
 * How far a model's denoiser is from the base's: of the matrices that both have in equal shapes, by rows that are spread
 * evenly. An adapter is given as the model that it makes of the base.
 * @throws FusionError 'cancelled', 'not-finite', and what reading throws
 */
export async function measureAncestry(
  base: Checkpoint,
  model: Checkpoint,
  signal: AbortSignal | undefined,
): Promise<Ancestry> {
  const component = denoiserName(base)
  const [ours, theirs] = [base.components.get(component), model.components.get(component)]
  const blocks = Blocks.of(base)
  const reader = new TensorReader([...base.files, ...model.files])
  const values = [new TensorValues(reader), new TensorValues(reader)] as const
  const byBlock = new Map<string, Sums>()
  try {
    for (const { weight, shape } of ours ? layersOf(base, component, methodSchema.parse({})) : []) {
      await yieldOrCancel(signal)
      const [a, b] = [ours!.tensors.get(weight)!, theirs?.tensors.get(weight)]
      if (!b || a.shape.join() !== b.shape.join() || a.transposed || b.transposed) continue
      const size = shape.slice(1).reduce((product, edge) => product * edge, 1)
      const count = Math.min(shape[0]!, ROWS)
      const sums = { ...NOTHING }
      for (let index = 0; index < count; index++) {
        const at = Math.floor((index * shape[0]!) / count) * size
        const rowOf = (view: typeof a, from: TensorValues): Float32Array =>
          from.of({ shape: [size], stored: view.stored, start: view.start + at })
        addRow(sums, rowOf(a, values[0]), rowOf(b, values[1]))
      }
      const block = blocks.blockOf(component, weight)
      byBlock.set(block, added(byBlock.get(block) ?? NOTHING, sums, shape[0]! / count))
    }
  } finally {
    reader.close()
  }
  const whole = [...byBlock.values()].reduce((sum, one) => added(sum, one, 1), NOTHING)
  const order = (block: string): number => blocks.labels.indexOf(block)
  return {
    change: ratio(whole),
    cosine: whole.base > 0 && whole.model > 0 ? whole.product / Math.sqrt(whole.base * whole.model) : null,
    blocks: [...byBlock]
      .sort(([a], [b]) => order(a) - order(b))
      .map(([block, sums]) => ({ block, change: ratio(sums) ?? 0 })),
  }
}

function addRow(sums: Sums, base: Float32Array, model: Float32Array): void {
  for (let at = 0; at < base.length; at++) {
    const [a, b] = [base[at]!, model[at]!]
    sums.base += a * a
    sums.model += b * b
    sums.product += a * b
    sums.change += (b - a) * (b - a)
  }
}

function added(to: Sums, one: Sums, times: number): Sums {
  return {
    base: to.base + one.base * times,
    model: to.model + one.model * times,
    change: to.change + one.change * times,
    product: to.product + one.product * times,
  }
}

function ratio({ base, change }: Sums): number | null {
  return base > 0 ? Math.sqrt(change / base) : null
}
