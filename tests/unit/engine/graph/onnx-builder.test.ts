import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../../../../src-main/engine/graph/onnx-builder'
import { createSession, type Tensor } from '../../../../src-main/engine/runtime/session'

async function compute(graph: GraphBuilder, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await createSession(graph.toBytes(), { provider: 'cpu' })
  const results = await session.run(feeds)
  await session.release()
  return results
}

const vector = (...values: number[]): Tensor => ({ data: Float32Array.from(values), dims: [values.length] })

describe('GraphBuilder', () => {
  it('makes models that the runtime runs: attributes of every kind, constants, several outputs', async () => {
    const graph = new GraphBuilder('test')
    const x = graph.input('x', 'F32', ['n'])
    const [low, high] = graph.nodes('Split', [x], 2, { axis: 0, num_outputs: 2 })
    graph.output('leaky', graph.node('LeakyRelu', [low!], { alpha: 0.25 }), 'F32', ['half'])
    graph.output('elu', graph.node('Elu', [low!], { alpha: { float: 2 } }), 'F32', ['half'])
    graph.output(
      'padded',
      graph.node('Pad', [high!, graph.ints([1, 0]), graph.floats(7)], { mode: 'constant' }),
      'F32',
      ['m'],
    )
    graph.output(
      'moved',
      graph.node('Transpose', [graph.floats([1, 2, 3, 4], [2, 2])], { perm: [1, 0] }),
      'F32',
      [2, 2],
    )
    const { leaky, elu, padded, moved } = await compute(graph, { x: vector(-4, 2, 5, 6) })
    expect([...leaky!.data]).toEqual([-1, 2])
    expect(Number(elu!.data[0])).toBeCloseTo(2 * (Math.exp(-4) - 1), 6)
    expect([...padded!.data]).toEqual([7, 5, 6])
    expect([...moved!.data]).toEqual([1, 3, 2, 4])
  })

  it('makes equal constants once', () => {
    const graph = new GraphBuilder('test')
    expect(graph.floats([1, 2])).toBe(graph.floats([1, 2]))
    expect(graph.floats([1, 2], [2, 1])).not.toBe(graph.floats([1, 2]))
    expect(graph.ints(1)).not.toBe(graph.ints([1]))
  })

  it('refuses values that it does not know, names twice, and data of the wrong length', () => {
    const graph = new GraphBuilder('test')
    const other = new GraphBuilder('other').input('y', 'F32', [1])
    expect(() => graph.node('Abs', [other])).toThrow('no value y')
    graph.input('x', 'F32', [1])
    expect(() => graph.input('x', 'F32', [1])).toThrow('two values are named x')
    expect(() => graph.initializer('w', 'F16', [3], new Uint8Array(8))).toThrow('takes 6')
  })
})
