import { elementCount } from '../tensor/element-type'
import type { AdapterForm } from './form'

/** IA³ (arXiv 2205.05638, LyCORIS'): W · (1 + weight), along the inputs or the outputs. */
export const ia3: AdapterForm = {
  name: 'ia3',
  title: 'an IA³',
  factors: ['weight', 'on_input'],
  is: (shape) => shape('weight') !== undefined && shape('on_input') !== undefined,
  misfit({ rows, inputs }, shape, { onInput }) {
    const found = shape('weight') ?? []
    if (elementCount(found) === (onInput ? inputs : rows)) return undefined
    const wanted = onInput ? `${inputs} inputs` : `${rows} outputs`
    return `weight is [${found.join(', ')}] where one number for each of ${wanted} is needed`
  },
  rank: () => null,
  rowChange({ rowLength, kernel }, factors, { multiplier, onInput }) {
    const scales = factors.whole('weight')
    return {
      rowsTogether: 1,
      change({ values, firstRow, rows }) {
        const matrix = values.floats(rows * rowLength)
        for (let at = 0; at < matrix.length; at++) {
          const index = onInput ? Math.floor((at % rowLength) / kernel) : firstRow + Math.floor(at / rowLength)
          matrix[at]! *= 1 + multiplier * scales[index]!
        }
      },
    }
  },
}
