import { describe, expect, it } from 'vitest'
import { mergeText } from '../../../../src-main/contract/document/merge-settings'
import { projectSchema, type Project } from '../../../../src-main/contract/document/project'
import { AXIS_KINDS, gridSchema, type GridAxis } from '../../../../src-main/contract/grid/grid'
import { axisValues } from '../../../../src-main/contract/grid/grid-axes'
import { gridCells, type GridCell } from '../../../../src-main/contract/grid/grid-cells'

const project: Project = projectSchema.parse({
  format: 'featurefusion-project',
  version: 1,
  models: [
    { name: 'base', path: '/base' },
    { name: 'food', path: '/food' },
    { name: 'animals', path: '/animals', blocks: { M00: 2 } },
    { name: 'gone', path: '/gone', enabled: false },
  ],
  method: { name: 'ties' },
  preview: { prompts: ['taco', 'lion'], seeds: [3, 4], steps: 8 },
})

function cellsOf(x: Partial<GridAxis>, y?: Partial<GridAxis>, z?: Partial<GridAxis>): GridCell[] {
  return gridCells(project, gridSchema.parse({ x, y: y ?? null, z: z ?? null })).cells
}

const weightsOf = ({ merge }: GridCell) => merge!.models.map(({ weight }) => weight)

describe('the cells of a grid', () => {
  it('change what their axes say, and nothing else', () => {
    const cells = cellsOf({ kind: 'weight', of: 'food', values: '0, 2' }, { kind: 'seed', values: '7-8' })
    expect(cells.map(({ place }) => place.label)).toEqual([
      ...['food 0 · seed 7', 'food 0 · seed 8', 'food 2 · seed 7', 'food 2 · seed 8'],
    ])
    expect(cells.map(weightsOf)).toEqual([0, 0, 2, 2].map((weight) => [1, weight, 1, 1]))
    expect(cells[3]).toMatchObject({
      place: { x: 1, y: 1, z: 0 },
      drawing: { prompt: 'taco', seed: 8, steps: 8 },
      variant: { type: 'merge' },
    })
  })

  it('are ordered so that merges change least, whichever axis they are on', () => {
    const weight = { kind: 'weight', of: 'food', values: '0, 1, 2' } as const
    const method = { kind: 'method', values: 'soup, TIES' } as const
    const seed = { kind: 'seed', values: '1-3' } as const
    const orders: [Partial<GridAxis>, Partial<GridAxis>, Partial<GridAxis>][] = [
      [seed, weight, method],
      [method, seed, weight],
    ]
    for (const axes of orders) {
      const merges = cellsOf(...axes).map(({ merge }) => mergeText(merge!))
      const changes = merges.filter((merge, index) => merge !== merges[index - 1]).length
      expect(changes).toBe(new Set(merges).size)
      const methods = cellsOf(...axes).map(({ merge }) => merge!.method.name)
      expect(methods).toEqual([...Array(9).fill('soup'), ...Array(9).fill('ties')])
    }
  })

  it('weigh all specialists that take part, or a block of one', () => {
    expect(cellsOf({ kind: 'weight', values: '0.5' }).map(weightsOf)).toEqual([[1, 0.5, 0.5, 1]])
    const [cell] = cellsOf({ kind: 'block', of: 'animals/in4', values: '0.5' })
    expect(cell!.merge!.models[2]!.blocks).toEqual({ M00: 2, IN04: 0.5 })
    expect(cell!.place.label).toBe('animals IN04 0.5')
  })

  it('can be drawn by models as they are', () => {
    const cells = cellsOf({ kind: 'drawn-by', values: 'merge, base, food, plain average, without food, with food' })
    expect(cells.map(({ variant }) => variant.type)).toEqual(['merge', 'base', 'model', 'soup', 'without', 'with'])
    expect(cells.map(({ merge }) => merge?.method.name ?? null)).toEqual(['ties', null, null, 'soup', 'ties', 'ties'])
  })

  it('take parameters of the method, prompts, schedulers, steps and guidance', () => {
    const [sparse] = cellsOf({ kind: 'parameter', of: 'density', values: '0.2' })
    expect(sparse!.merge!.method.density).toBe(0.2)
    const drawn = cellsOf({ kind: 'prompt', values: 'a\nb, c | d' }).map(({ drawing }) => drawing.prompt)
    expect(drawn).toEqual(['a', 'b, c', 'd'])
    const [fast] = cellsOf(
      { kind: 'scheduler', values: 'lcm' },
      { kind: 'steps', values: '4' },
      { kind: 'guidance', values: '1.5' },
    )
    expect(fast!.drawing).toMatchObject({ scheduler: 'lcm', steps: 4, guidance: 1.5 })
  })

  it.each<[Partial<GridAxis>, RegExp]>([
    [{ kind: 'weight', of: 'nobody', values: '1' }, /X: .*nobody/],
    [{ kind: 'weight', of: 'food', values: '1e9, x' }, /“1e9”/],
    [{ kind: 'method', values: 'magic' }, /“magic” is no method/],
    [{ kind: 'parameter', of: 'normaliser', values: 'rows' }, /TIES.*no parameter/],
    [{ kind: 'parameter', of: 'density', values: '0' }, /Density cannot be 0/],
    [{ kind: 'drawn-by', values: 'nobody' }, /“nobody”/],
    [{ kind: 'steps', values: '0' }, /0 cannot/],
    [{ kind: 'seed', values: '1, x' }, /“x” is no seed/],
    [{ kind: 'seed', values: '1-1000' }, /more seeds than 100/],
  ])('are refused for %j, with the axis', (axis, words) => {
    expect(() => cellsOf(axis)).toThrow(words)
  })

  it('say of every kind of axis that it has no values', () => {
    for (const kind of AXIS_KINDS) expect(axisValues({ kind, of: '', values: ' ' }, project)).toHaveProperty('problem')
  })
})
