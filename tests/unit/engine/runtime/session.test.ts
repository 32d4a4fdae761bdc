import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../../../../src-main/engine/graph/onnx-builder'
import { requireMemory } from '../../../../src-main/engine/runtime/memory'
import { chooseProvider, probeProviders, providerAbilities } from '../../../../src-main/engine/runtime/providers'
import { createSession, type Provider } from '../../../../src-main/engine/runtime/session'

function doubling(): Uint8Array {
  const graph = new GraphBuilder('doubling')
  const x = graph.input('x', 'F32', ['n'])
  graph.output('twice', graph.node('Add', [x, x]), 'F32', ['n'])
  graph.output('square', graph.node('Mul', [x, x]), 'F32', ['n'])
  return graph.toBytes()
}

describe('Session', () => {
  it('writes into tensors that it is given, and computes only the outputs that are asked for', async () => {
    const session = await createSession(doubling(), { provider: 'cpu' })
    const into = { data: new Float32Array(2), dims: [2] }
    const feeds = { x: { data: Float32Array.of(3, 4), dims: [2] } }
    const results = await session.run(feeds, { twice: into, square: null })
    expect(results['twice']).toBe(into)
    expect([...into.data]).toEqual([6, 8])
    expect([...results['square']!.data]).toEqual([9, 16])
    expect(Object.keys(await session.run(feeds, ['square']))).toEqual(['square'])
    await session.release()
  })

  it('reports what the runtime refuses as a fault, with its own words', async () => {
    const session = await createSession(doubling(), { provider: 'cpu' })
    await expect(session.run({})).rejects.toMatchObject({ kind: 'internal', detail: expect.stringContaining("'x'") })
    await expect(session.run({ x: { data: Float32Array.of(1), dims: [2] } })).rejects.toMatchObject({
      kind: 'internal',
    })
    await session.release()
    await expect(createSession(Uint8Array.of(1, 2, 3), { provider: 'cpu' })).rejects.toMatchObject({ kind: 'internal' })
  })

  it('never runs an unknown provider on the CPU instead', async () => {
    await expect(createSession(doubling(), { provider: 'quantum' as Provider })).rejects.toMatchObject({
      kind: 'device',
    })
  })
})

describe('execution providers', () => {
  it('are probed one by one, each with its reason', async () => {
    const found = await probeProviders()
    expect(found.map(({ provider }) => provider)).toEqual(['cuda', 'dml', 'webgpu', 'cpu', 'coreml'])
    expect(found.find(({ provider }) => provider === 'cpu')).toMatchObject({ available: true, fusedAttention: true })
    for (const status of found) if (!status.available) expect(status.reason).toBeTruthy()
    expect(await probeProviders()).toBe(found)
  })

  it('are never replaced silently', async () => {
    const missing = (await probeProviders()).find(({ available }) => !available)!
    await expect(chooseProvider(missing.provider)).rejects.toMatchObject({ kind: 'device' })
    expect(await chooseProvider('cpu')).toBe('cpu')
    expect(await providerAbilities('cpu')).toEqual({ computeType: 'F32', attention: 'fused' })
  })
})

describe('requireMemory', () => {
  it('refuses with both numbers', () => {
    expect(() => requireMemory('The model', 5e9, 4e9)).toThrow(/needs about 5\.2 GB of memory, and 4\.0 GB are free/)
    expect(() => requireMemory('The model', 3e9, 4e9)).not.toThrow()
  })
})
