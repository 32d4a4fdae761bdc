import { describe, expect, it } from 'vitest'
import { TensorReader } from '../../../../src-main/engine/checkpoint/containers/tensor-reader'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { ChangeReader } from '../../../../src-main/engine/extract/layer-change'
import { rowSketch } from '../../../../src-main/engine/linear-algebra/row-sketch'
import { sumOfSquares } from '../../../../src-main/engine/linear-algebra/truncated-svd'
import { asMatrix } from '../../../../src-main/engine/adapter-forms/matrices'
import { ADAPTERS, BASE, changedBase } from '../adapters/adapter-models'

describe('ChangeReader', () => {
  it('measures in one pass what takes a pass each', async () => {
    const base = await openCheckpoint(BASE)
    const specialist = await changedBase(`${ADAPTERS}/sd1-kohya-alphas.safetensors`, 1, BASE)
    const reader = new TensorReader([...base.files, ...specialist.files])
    const changes = new ChangeReader(reader)
    const { tensors } = base.components.get('unet')!
    const layers = [...tensors.values()].filter(({ shape }) => shape.length > 1)
    expect(layers.length).toBeGreaterThan(10)
    let changed = 0
    for (const layer of layers) {
      const [rows, columns] = asMatrix(layer.shape)
      const other = specialist.components.get('unet')!.tensors.get(layer.name)!
      const data = changes.read(layer, other, false).slice()
      const { matrix, total, sketch } = changes.measure(layer, other, 5)
      expect(matrix).toEqual({ data, rows, columns })
      expect(total).toBeCloseTo(sumOfSquares(data), 10)
      expect(sketch).toEqual(rowSketch({ data, rows, columns }, 5))
      if (total > 0) changed++
    }
    expect(changed).toBeGreaterThan(0)
    reader.close()
  })
})
