import { elementCount } from '../tensor/element-type'
import type { AdapterForm, FactorShapes } from './form'

/** PEFT's name: factors, where LyCORIS keeps their difference to 1. */
const PEFT_FACTOR = 'ia3_l'

/**
 * IA³ (arXiv 2205.05638), along the inputs or the outputs: LyCORIS' W · (1 + weight), PEFT's W · ia3_l, whose outputs have
 * their bias multiplied as well.
 */
export const ia3: AdapterForm = {
  name: 'ia3',
  title: 'an IA³',
  factors: ['weight', 'on_input', PEFT_FACTOR],
  is: (shape) => (shape('weight') !== undefined && shape('on_input') !== undefined) || shape(PEFT_FACTOR) !== undefined,
  misfit({ rows, inputs }, shape, { onInput }) {
    const name = factorName(shape)
    const found = shape(name) ?? []
    if (elementCount(found) === (onInput ? inputs : rows)) return undefined
    const wanted = onInput ? `${inputs} inputs` : `${rows} outputs`
    return `${name} is [${found.join(', ')}] where one number for each of ${wanted} is needed`
  },
  rank: () => null,
  rowChange({ rowLength, kernel }, factors, { multiplier, onInput }) {
    const name = factorName(factors.shape)
    const before = name === PEFT_FACTOR ? 1 : 0
    const scales = factors.whole(name).map((value) => value - before)
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

function factorName(shape: FactorShapes): string {
  return shape(PEFT_FACTOR) ? PEFT_FACTOR : 'weight'
}

/** Whether the biases of outputs are multiplied as the weights are. */
export function scalesBias(form: AdapterForm | null, shape: FactorShapes, onInput: boolean): boolean {
  return form === ia3 && shape(PEFT_FACTOR) !== undefined && !onInput
}
