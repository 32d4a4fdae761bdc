import type { StoredTensor } from '../../checkpoint/containers/container'
import type { Component } from '../../checkpoint/model/checkpoint'
import { moduleOf } from '../../checkpoint/model/module-name'
import { sideBySide } from '../../linear-algebra/joined-matrices'
import type { Matrix, MatrixProducts } from '../../linear-algebra/matrix-products'
import type { TensorValues } from './tensor-values'
import { unitRows } from './unit-rows'
import type { UnitPlace, UnitSpace } from './unit-spaces'

/** Features of a network's hidden units on given inputs of the layers that lead into them. */
export class UnitFeatures {
  /** @param inputsOf real inputs [columns, inputs] by a layer's module */
  constructor(
    private readonly component: Component,
    private readonly inputsOf: (module: string) => StoredTensor | undefined,
    private readonly values: TensorValues,
    private readonly products: MatrixProducts,
  ) {}

  /** Whether there are inputs for all sets of a space. */
  areKnown({ sets }: UnitSpace): boolean {
    return sets.every((set) => {
      const layers = layersInto(set)
      return layers.length > 0 && layers.every(({ tensor }) => this.inputsOf(moduleOf(tensor)) !== undefined)
    })
  }

  /**
   * Features of a set [units, samples]: of GEGLU what leaves it, hidden · gelu(gate); else what the layers give, that of
   * several (queries and keys) side by side.
   */
  async of({ units }: UnitSpace, set: readonly UnitPlace[]): Promise<Matrix> {
    const layers = layersInto(set)
    const parts: Matrix[] = []
    for (const place of layers) parts.push(await this.outputs(place, units))
    const [hidden, gate] = parts
    const isGated = gate !== undefined && layers[0]!.tensor === layers[1]!.tensor
    if (!isGated) return parts.length === 1 ? hidden! : sideBySide(parts)
    hidden!.data.forEach((value, at) => (hidden!.data[at] = value * gelu(gate.data[at]!)))
    return hidden!
  }

  /** W x + b of the units of one layer. */
  private async outputs({ tensor, first }: UnitPlace, units: number): Promise<Matrix> {
    const { tensors } = this.component
    const weight = tensors.get(tensor)!
    const rows = unitRows(this.values.of(weight), weight.shape, { axis: 0, first, count: units })
    const stored = this.inputsOf(moduleOf(tensor))!
    const [columns, inputs] = stored.shape as [number, number]
    const x = this.values.of({ shape: stored.shape, stored, start: 0 }).slice()
    const product = await this.products.multiply(rows, { data: x, rows: columns, columns: inputs }, 'right transposed')
    const bias = tensors.get(`${moduleOf(tensor)}.bias`)
    if (!bias) return product
    const added = this.values.of(bias).subarray(first, first + units)
    product.data.forEach((value, at) => (product.data[at] = value + added[Math.floor(at / columns)]!))
    return product
  }
}

/** The matrices that lead into the units of a set; not that of the timestep, which is the same for all places of a picture. */
export function layersInto(set: readonly UnitPlace[]): UnitPlace[] {
  const isMatrix = ({ tensor, axis }: UnitPlace): boolean =>
    axis === 0 && tensor.endsWith('.weight') && !/\.(?:time_emb_proj|norm\d)\.weight$/.test(tensor)
  return set.filter(isMatrix)
}

function gelu(x: number): number {
  return 0.5 * x * (1 + erf(x / Math.SQRT2))
}

/** Abramowitz and Stegun 7.1.26: to 1.5e-7. */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x))
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  const value = 1 - series * Math.exp(-x * x)
  return x < 0 ? -value : value
}
