import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  fitViewport,
  levelFor,
  TileStore,
  zoomViewport,
  type MatrixTile,
  type TileAddress,
} from '../../../src-renderer/shared/charts/matrix-tiles'
import { cellAt, layoutOverview, panelLeft } from '../../../src-renderer/shared/charts/overview-map'
import { colourOf, divergingScale, inkOn, sequentialScale } from '../../../src-main/contract/values/colour-scales'

describe('colour scales', () => {
  it('hold correlations on −1 … 1 with 0 in the middle, and clamp what lies outside', () => {
    const scale = divergingScale('dark')
    expect([-2, -1, 0, 1, 2].map(scale.position)).toEqual([0, 0, 0.5, 1, 1])
    expect(colourOf(scale, 1)).toBe('rgb(255 208 138)')
  })

  it('have an ink for every colour that can be read: contrast of at least 4.5', () => {
    const light = (css: string): number => {
      const bytes = css.startsWith('#')
        ? [1, 3, 5].map((at) => parseInt(css.slice(at, at + 2), 16))
        : [...css.matchAll(/\d+/g)].map(Number)
      const [red, green, blue] = bytes.map((byte) => {
        const share = byte / 255
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
      })
      return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
    }
    for (const theme of ['dark', 'light'] as const)
      for (const scale of [divergingScale(theme), sequentialScale(theme, -1, 1)])
        for (let value = -1; value <= 1; value += 1 / 128) {
          const [paper, ink] = [light(colourOf(scale, value)), light(inkOn(scale, value))]
          const contrast = (Math.max(paper, ink) + 0.05) / (Math.min(paper, ink) + 0.05)
          expect(contrast, `${theme} ${scale.kind} ${value}`).toBeGreaterThanOrEqual(4.5)
        }
  })

  it('place magnitudes by orders of magnitude', () => {
    const scale = sequentialScale('light', 1e-4, 1, true)
    expect(scale.position(0)).toBe(0)
    expect(scale.position(1e-2)).toBeCloseTo(0.5, 12)
    expect(scale.position(1)).toBe(1)
  })
})

describe('the overview', () => {
  it('finds the cell that it drew, for any size, and nothing between panels', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 400, max: 2000 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 3, max: 30 }),
        (width, columns, panel, rowHeight) => {
          const layout = layoutOverview(width, 3, columns, rowHeight)
          const x = panelLeft(layout, panel, columns) + layout.cellWidth / 2
          expect(cellAt(layout, x, 5.5 * rowHeight, 10, 3, columns)).toEqual({
            row: 5,
            cell: { row: 5, panel, column: 0 },
          })
          const gap = panelLeft(layout, panel, columns) - 1
          expect(cellAt(layout, gap, 0, 10, 3, columns)).toEqual({ row: 0, cell: null })
        },
      ),
    )
  })
})

describe('the view of a matrix', () => {
  it('keeps the point under the pointer in place while zooming in', () => {
    const fit = fitViewport(1280, 10240, 900, 500)
    const at = { x: 450, y: 250 }
    const view = zoomViewport(fit, 4, at, 1280, 10240, 900, 500)
    expect(view.x + at.x / view.scaleX).toBeCloseTo(fit.x + at.x / fit.scaleX, 6)
    expect(view.y + at.y / view.scaleY).toBeCloseTo(fit.y + at.y / fit.scaleY, 6)
  })

  it('never leaves the matrix', () => {
    const step = fc.record({
      factor: fc.double({ min: 0.1, max: 10, noNaN: true }),
      x: fc.integer({ min: 0, max: 900 }),
    })
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        let view = fitViewport(320, 2560, 900, 500)
        for (const { factor, x } of steps) view = zoomViewport(view, factor, { x, y: 100 }, 320, 2560, 900, 500)
        expect(view.x).toBeGreaterThanOrEqual(0)
        expect(view.x + 900 / view.scaleX).toBeLessThanOrEqual(2560 + 1e-6)
      }),
    )
  })

  it('asks for the entries themselves once they are as large as a pixel', () => {
    expect(levelFor({ x: 0, y: 0, scaleX: 1, scaleY: 1 }, { maxLevel: 6, stride: 1 })).toBe(0)
    expect(levelFor({ x: 0, y: 0, scaleX: 0.125, scaleY: 0.125 }, { maxLevel: 6, stride: 1 })).toBe(3)
    expect(levelFor({ x: 0, y: 0, scaleX: 0.125, scaleY: 0.125 }, { maxLevel: 3, stride: 8 })).toBe(0)
    expect(levelFor({ x: 0, y: 0, scaleX: 1e-6, scaleY: 1e-6 }, { maxLevel: 6, stride: 1 })).toBe(6)
  })
})

describe('tiles', () => {
  it('are asked for once for each reduction, and given up when the matrix is no longer shown', async () => {
    const tile: MatrixTile = { rows: 1, columns: 1, values: new Float32Array(1) }
    const address: TileAddress = { level: 1, row: 0, column: 0, reduction: 'mean' }
    const signals: AbortSignal[] = []
    let arrived = 0
    const source = {
      key: 'k',
      rows: 1,
      columns: 1,
      stride: 1,
      tileSize: 256,
      maxLevel: 0,
      load: (_tile: TileAddress, signal: AbortSignal) => {
        signals.push(signal)
        return Promise.resolve(tile)
      },
    }
    const store = new TileStore(source, () => arrived++)
    expect(store.get(address)).toBeNull()
    expect(store.get(address)).toBeNull()
    await Promise.resolve()
    expect(store.get(address)).toBe(tile)
    expect([signals.length, arrived]).toEqual([1, 1])
    expect(store.get({ ...address, reduction: 'extreme' })).toBeNull()
    expect(store.get({ ...address, level: 0 })).toBeNull()
    await Promise.resolve()
    expect(store.get({ ...address, level: 0, reduction: 'extreme' })).toBe(tile)
    expect([signals.length, arrived]).toEqual([3, 3])
    store.dispose()
    expect(signals[0]!.aborted).toBe(true)
    expect(store.peek(address)).toBeNull()
  })
})
