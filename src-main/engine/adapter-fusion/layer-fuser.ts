import type { LoraType } from '../../contract/adapter-files'
import type { FusionSettings } from '../../contract/adapter-fusion'
import { yieldOrCancel } from '../cancel'
import { asMatrix } from '../adapter-forms/matrices'
import type { SourceFile } from '../checkpoint/containers/container'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import { ChangeReader } from '../extract/layer-change'
import { factorMatrix, type LayerFactors } from '../extract/layer-factors'
import { RoundedTensors } from '../extract/rounded-tensors'
import { MatrixProducts, type Matrix } from '../linear-algebra/matrix-products'
import { isExact, type Kept } from '../linear-algebra/truncated-svd'
import { isLowRank, productOf, storedChange, type FusedTensor } from './adapter-parts'
import { FactorSpace } from './factor-space'
import { FUSIONS } from './fusion-methods'
import { balanced, distanceOf, energyOf, stackFactors, type Product } from './stacked-factors'

export interface FuseSettings {
  type: LoraType
  /** null: all of it, as it is. */
  kept: Kept | null
  fusion: FusionSettings
  /** Real inputs per part, for SSR; null where there are none of the layer. */
  inputs: readonly Matrix[] | null
  signal: AbortSignal | undefined
}

/** What is to be written of a layer: all of it, and what is kept. */
interface Cut {
  target: Product
  kept: Product
}

/** Fuses what adapters do to tensors, one tensor at a time. */
export class LayerFuser {
  private readonly reader: TensorReader
  private readonly changes: ChangeReader
  private readonly tools = { products: new MatrixProducts(), rounding: new RoundedTensors() }

  constructor(sources: readonly SourceFile[]) {
    this.reader = new TensorReader(sources)
    this.changes = new ChangeReader(this.reader)
  }

  /**
   * @returns null where the changes cancel out
   * @throws FusionError 'not-finite' and whatever reading throws
   */
  async fuse(tensor: FusedTensor, settings: FuseSettings): Promise<LayerFactors | null> {
    const { base, parts } = tensor
    const { type, kept } = settings
    if (!parts.every(isLowRank)) return this.fuseWhole(tensor, type, kept!)
    const found = await this.cut(tensor, settings)
    if (!found) return null
    const total = await energyOf(found.target, this.tools.products)
    if (total === 0) return null
    const [up, down] = [found.kept.up, found.kept.down].map((factor) => this.tools.rounding.round(factor, type, base))
    const lost = await distanceOf(found.target, { up: up!.matrix, down: down!.matrix }, this.tools.products)
    return { rank: found.kept.up.columns, up: up!.bytes, down: down!.bytes, lost, total }
  }

  /** Of a sum all of whose rank is kept the factors side by side, else the best of the kept rank in their space. */
  private async cut({ base, parts }: FusedTensor, { kept, fusion, inputs, signal }: FuseSettings): Promise<Cut | null> {
    const [rows, columns] = asMatrix(base.shape)
    const stacked = stackFactors(
      parts.map((part) => productOf(part, this.reader)),
      rows,
      columns,
    )
    const rank = stacked.up.columns
    const isWhole = kept === null || ('rank' in kept && kept.rank >= rank)
    if (isWhole && fusion.method === 'sum') return { target: stacked, kept: balanced(stacked) }
    if ((await energyOf(stacked, this.tools.products)) === 0) return null
    const space = await FactorSpace.of(stacked, this.tools.products)
    const adapters = parts.map(({ model }) => model - 1)
    const core = await FUSIONS[fusion.method]({
      ...{ space, adapters, settings: fusion, products: this.tools.products, inputs },
      yieldOrCancel: () => yieldOrCancel(signal),
    })
    const best = await space.best(core, kept ?? { rank })
    return best && { target: fusion.method === 'sum' ? stacked : await space.product(core), kept: best }
  }

  /** A layer in which an adapter has no factors of low rank: all changes are added up as whole matrices. */
  private async fuseWhole({ base, parts }: FusedTensor, type: LoraType, kept: Kept): Promise<LayerFactors | null> {
    const [rows, columns] = asMatrix(base.shape)
    const doubles = isExact(rows, columns, kept)
    const data = doubles ? new Float64Array(rows * columns) : new Float32Array(rows * columns)
    for (const { view, coefficient } of parts) {
      const own = this.changes.read(base, view, doubles)
      for (let i = 0; i < data.length; i++) data[i]! += coefficient * own[i]!
    }
    return factorMatrix({ data, rows, columns }, { kept, type, layer: base }, this.tools)
  }

  /** What is added to a bias or a norm. @throws FusionError 'not-finite' and whatever reading throws */
  fuseVector({ base, parts }: FusedTensor): Float32Array {
    const sum = new Float64Array(base.shape[0] ?? 0)
    for (const part of parts) {
      const own = storedChange(part, this.reader)
      const change = own ?? this.changes.read(base, part.view, true)
      const factor = own ? 1 : part.coefficient
      for (let i = 0; i < sum.length; i++) sum[i]! += factor * change[i]!
    }
    return Float32Array.from(sum)
  }

  /** @throws FusionError 'source-changed' where a file is another than when it was opened */
  checkUnchanged(): void {
    this.reader.checkUnchanged()
  }

  async release(): Promise<void> {
    this.reader.close()
    await this.tools.products.release()
  }
}
