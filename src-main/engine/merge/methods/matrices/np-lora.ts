import { npLora as descriptor } from '../../../../contract/methods/matrices/np-lora'
import { svd } from '../../../linear-algebra/svd'
import type { MatrixMethod } from '../method'
import { addMean } from './add-mean'
import { addTo, scaled, unitsOf, weightedChange } from './matrix-layer'

/**
 * NP-LoRA (2025): style + content · (1 − c Vᵀ V), with V the style's strongest right singular vectors and c = s / (1 + s),
 * or 1 for the hard projection. The first specialist is the content, the second the style.
 */
export const npLora = {
  ...descriptor,
  combine: addMean,
  async merge(layer) {
    const { products, settings, rows, columns } = layer
    const { projection, projectionStrength, styleDirections } = settings
    const style = await weightedChange(layer, 1)
    const count = styleDirections === 0 ? Math.min(rows, columns) : styleDirections
    const { right, values } = await svd(style.change, products, { count, floor: style.floor })
    const { change } = await weightedChange(layer, 0)
    const along = await products.multiply(change, right, 'right transposed')
    const part = projection === 'hard' ? 1 : projectionStrength / (1 + projectionStrength)
    addTo(change, await products.multiply(along, right), -part)
    addTo(change, style.change)
    const wanted = styleDirections === 0 ? values.length : Math.min(styleDirections, rows, columns)
    return { change: scaled(change, settings.scale), rank: { taken: values.length, wanted } }
  },
  cost(size) {
    const { product, eigen, matrix, gram } = unitsOf(size)
    return { flops: eigen + 2 * product, bytes: 5 * matrix + 5 * gram }
  },
} satisfies MatrixMethod
