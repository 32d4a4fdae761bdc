import type { FusionMethodName, FusionSettings } from '../../contract/adapter-fusion'
import { methodSchema } from '../../contract/document/project'
import type { YieldOrCancel } from '../cancel'
import type { Matrix, MatrixProducts } from '../linear-algebra/matrix-products'
import { gramOfRows } from '../linear-algebra/gram'
import { isRotated } from '../linear-algebra/svd'
import { symmetricEigen } from '../linear-algebra/symmetric-eigen'
import { mergeElementwise } from '../merge/jobs/merge-elementwise'
import { isoC } from '../merge/methods/matrices/iso-c'
import { scaledColumns } from '../linear-algebra/rows-and-columns'
import { addedChanges, scaled } from '../merge/methods/matrices/matrix-layer'
import { tsv } from '../merge/methods/matrices/tsv'
import type { MatrixMethod } from '../merge/methods/method'
import { ties } from '../merge/methods/elementwise/ties'
import type { TensorInputs } from '../tensor/tensor-inputs'
import type { FactorSpace } from './factor-space'

/** One layer as a method fuses it. */
export interface CoreLayer {
  space: FactorSpace
  /** Places of the adapters that change the layer, by their order in the plan (0: the first adapter). */
  adapters: readonly number[]
  settings: FusionSettings
  products: MatrixProducts
  yieldOrCancel: YieldOrCancel
  /** Real inputs per adapter of the layer as rows [S, d], for SSR; null where there are none of the layer. */
  inputs: readonly Matrix[] | null
}

/** The fused change of a layer as a core. */
type Fuse = (layer: CoreLayer) => Promise<Matrix>

/** Singular values below this part of the largest are no directions of the style. */
const NEGLIGIBLE = 1e-7

/** The arithmetic of each method. */
export const FUSIONS: Readonly<Record<FusionMethodName, Fuse>> = {
  sum: ({ space }) => space.core(),
  'core-space': coreSpace,
  ssr: async (layer) => {
    const { space, inputs, adapters } = layer
    return space.core(adapters.length > 1 && inputs ? await router(layer, inputs) : undefined)
  },
  'np-lora': nullSpaceProjection,
}

/** Core Space (arXiv 2509.17786): the cores of all adapters are merged as if they were the changes of models. */
async function coreSpace({ space, settings, products, yieldOrCancel }: CoreLayer): Promise<Matrix> {
  const cores = await space.cores()
  switch (settings.inner) {
    case 'sum':
      return space.core()
    case 'mean':
      return scaled(await space.core(), 1 / cores.length)
    case 'ties':
      return tiesOf(cores, settings.density)
    case 'tsv':
      return asModels(cores, tsv, { products, yieldOrCancel })
    case 'iso-c':
      return asModels(cores, isoC, { products, yieldOrCancel })
  }
}

/** A method that merges changes as matrices, of cores. */
async function asModels(
  cores: readonly Matrix[],
  method: MatrixMethod,
  { products, yieldOrCancel }: Pick<CoreLayer, 'products' | 'yieldOrCancel'>,
): Promise<Matrix> {
  const { rows, columns } = cores[0]!
  const asWanted = (data: Matrix['data']): Matrix['data'] =>
    isRotated(rows, columns) ? Float64Array.from(data) : Float32Array.from(data)
  const changes = {
    ...{ rows, columns },
    specialists: cores.map((_, place) => place),
    weights: cores.map(() => 1),
    change: (place: number) => ({ data: asWanted(cores[place]!.data), rows, columns }),
  }
  const { change } = await method.merge({
    ...{ name: '', products, ...changes },
    settings: methodSchema.parse({ name: method.name, scale: 1 }),
    sumOfChanges: () => addedChanges(changes),
    // Cores are exact: what is small is no rounding of theirs.
    floor: () => 0,
    yieldOrCancel,
  })
  return { ...change, data: Float64Array.from(change.data) }
}

/** TIES as it merges models, of changes without a base. */
function tiesOf(cores: readonly Matrix[], density: number): Matrix {
  const { rows, columns } = cores[0]!
  const count = rows * columns
  const settings = methodSchema.parse({ name: 'ties', density, scale: 1 })
  const tensors = [new Float32Array(count), ...cores.map(({ data }) => Float32Array.from(data))]
  const inputs: TensorInputs = {
    name: 'core',
    count,
    types: tensors.map(() => 'F32'),
    sources: tensors.map(() => 'memory'),
    read: (model, start, into) => into.set(new Uint8Array(tensors[model]!.buffer, start * 4, into.byteLength)),
  }
  const data = new Float64Array(count)
  const merge = { method: ties, settings, weights: tensors.map(() => 1), inputs, shape: [rows, columns] }
  mergeElementwise({ ...merge, type: 'F64' }, ({ bytes }, start) => new Uint8Array(data.buffer).set(bytes, start * 8))
  return { data, rows, columns }
}

/**
 * SSR-Merge (arXiv 2606.10617): R = Q (G + λ)⁻¹ with z = down · x for the inputs x of every adapter, G the mean of z zᵀ over all of them,
 * and block k of Q that of adapter k's own inputs. up · R · down then does on adapter k's inputs what adapter k does.
 */
export async function router({ space, settings, products }: CoreLayer, inputs: readonly Matrix[]): Promise<Matrix> {
  const size = space.ranks.reduce((sum, rank) => sum + rank, 0)
  const count = inputs.reduce((sum, { rows }) => sum + rows, 0)
  const own = new Float64Array(size * size)
  const all = new Float64Array(size * size)
  let first = 0
  for (const [k, columns] of inputs.entries()) {
    const gram = await gramOfRows(await space.responses(columns), products)
    const end = first + space.ranks[k]!
    for (let i = 0; i < gram.length; i++) all[i]! += gram[i]! / count
    for (let i = first * size; i < end * size; i++) own[i] = gram[i]! / count
    first = end
  }
  const { values, vectors } = symmetricEigen(all, size)
  const turned = { data: vectors, rows: size, columns: size }
  const inverse = scaledColumns(
    turned,
    values.map((value) => 1 / (Math.max(0, value) + settings.ridge)),
  )
  const metric = await products.multiply(inverse, turned, 'right transposed')
  return products.multiply({ data: own, rows: size, columns: size }, metric)
}

/** NP-LoRA (arXiv 2511.11051): style + content · (1 − c V Vᵀ), V the right singular vectors of the style's change. */
async function nullSpaceProjection({ space, adapters, settings, products }: CoreLayer): Promise<Matrix> {
  const [content, style] = [0, 1].map((place) => adapters.indexOf(place))
  if (content === -1 || style === -1) return space.core()
  const cores = await space.cores()
  const [changed, kept] = [cores[content!]!, cores[style!]!]
  const gram = await products.multiply(kept, kept, 'left transposed')
  const { values, vectors } = symmetricEigen(gram.data as Float64Array, gram.rows)
  const part = settings.projection === null ? 1 : settings.projection / (1 + settings.projection)
  const parts = values.map((value) => (value > NEGLIGIBLE ** 2 * values[0]! ? part : 0))
  const turned = { data: vectors, rows: gram.rows, columns: gram.rows }
  const along = await products.multiply(changed, scaledColumns(turned, parts))
  const taken = await products.multiply(along, turned, 'right transposed')
  const data = changed.data.map((value, at) => value - taken.data[at]! + kept.data[at]!)
  return { ...changed, data }
}
