import type { AdapterForm } from '../form'
import { addProduct, misfitOf, packPanels } from '../matrices'
import { limitOf, mixedRotations, rescaleOf } from './cayley'

/** OFT (arXiv 2306.07280, LyCORIS' and kohya's): blocks of rows, each multiplied by the transpose of its rotation. */
export const oft: AdapterForm = {
  name: 'oft',
  title: 'an OFT',
  factors: ['oft_blocks', 'rescale'],
  is: (shape) => shape('oft_blocks')?.length === 3,
  misfit({ rows }, shape) {
    const blocks = shape('oft_blocks') ?? []
    const [count = 0, size = 0] = blocks
    if (blocks.length !== 3 || count * size !== rows || blocks[2] !== size)
      return `oft_blocks is [${blocks.join(', ')}], not blocks of rotations of ${rows} rows`
    return shape('rescale') && misfitOf(shape, { rescale: [rows, 1] })
  },
  rank: () => null,
  rowChange({ rows, rowLength }, factors, settings) {
    const size = factors.shape('oft_blocks')![1]!
    const rotations = mixedRotations(factors.whole('oft_blocks'), size, limitOf(settings, rows), settings.multiplier)
    const rescale = rescaleOf(factors, settings)
    return {
      rowsTogether: size,
      change({ kernels, values, firstRow, rows: count }) {
        const before = values.floats(count * rowLength).slice()
        values.floats(count * rowLength).fill(0)
        for (let first = 0; first < count; first += size) {
          const start = (firstRow + first) * size
          const coefficients = new Float32Array(size * size)
          for (let row = 0; row < size; row++)
            for (let from = 0; from < size; from++)
              coefficients[row * size + from] =
                rotations[start + from * size + row]! * (rescale?.[firstRow + first + row] ?? 1)
          const panels = packPanels(before.subarray(first * rowLength, (first + size) * rowLength), size, rowLength)
          const target = values.part(first * rowLength * 4)
          addProduct(kernels, target, coefficients, panels, { rows: size, inner: size, columns: rowLength })
        }
      },
    }
  },
}
