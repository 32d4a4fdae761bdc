import { additiveChange } from './additive'
import type { AdapterForm } from './form'
import { misfitOf } from './matrices'

/** Whole differences (LyCORIS full, and its norms): D = diff. */
export const full: AdapterForm = {
  name: 'full',
  title: 'whole differences',
  factors: ['diff'],
  is: (shape) => shape('diff') !== undefined,
  misfit: ({ rows, rowLength }, shape) => misfitOf(shape, { diff: [rows, rowLength] }),
  rank: () => null,
  rowChange: (weight, factors, settings, load) =>
    additiveChange(
      (block, factor) => {
        const count = block.rows * weight.rowLength
        const diff = factors.part('diff', block.firstRow * weight.rowLength, count)
        const target = block.values.floats(count)
        for (let i = 0; i < count; i++) target[i]! += factor * diff[i]!
      },
      weight,
      factors,
      settings,
      load,
    ),
}
