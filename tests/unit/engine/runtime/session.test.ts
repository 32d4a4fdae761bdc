import { afterEach, describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { loadPipeline } from '../../../../src-main/engine/diffusion/load-pipeline'
import { GraphBuilder } from '../../../../src-main/engine/graph/onnx-builder'
import { requireDeviceMemory, requireMemory } from '../../../../src-main/engine/runtime/memory'
import { launchNodeProbe, runProgram } from '../../../../src-main/engine/runtime/probe-launcher'
import { providerReason } from '../../../../src-main/engine/runtime/provider-reason'
import {
  chooseDevice,
  chooseProvider,
  probeProviders,
  providerAbilities,
  useProbeLauncher,
} from '../../../../src-main/engine/runtime/providers'
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
    for (const { available, reason } of found) if (!available) expect(reason).toMatch(/^[\w ,.()0-9:]{10,100}$/)
    expect(await probeProviders()).toBe(found)
  })

  it('are never replaced silently', async () => {
    const missing = (await probeProviders()).find(({ available }) => !available)!
    await expect(chooseProvider(missing.provider)).rejects.toMatchObject({ kind: 'device' })
    expect(await chooseProvider('cpu')).toBe('cpu')
    expect(providerAbilities(await chooseDevice('cpu'))).toEqual({ computeType: 'F32', attention: 'fused' })
  })
})

describe('a probe', () => {
  afterEach(() => useProbeLauncher(launchNodeProbe))

  it('runs in a process of its own, started as the host says; its crash is a reason, not ours', async () => {
    const asked: string[] = []
    useProbeLauncher((args) => {
      asked.push(args[1]!)
      return args[1] === 'cpu'
        ? launchNodeProbe(args)
        : runProgram(process.execPath, ['-e', 'process.kill(process.pid, "SIGKILL")'])
    })
    const found = await probeProviders()
    expect(asked).toEqual(['cuda', 'dml', 'webgpu', 'cpu'])
    expect(found.find(({ provider }) => provider === 'cpu')!.available).toBe(true)
    expect(found.find(({ provider }) => provider === 'webgpu')!.reason).toBe('its process ended by SIGKILL')
    await expect(chooseDevice('webgpu')).rejects.toMatchObject({ message: expect.stringContaining('SIGKILL') })
  })

  it('is not needed where another process probed', async () => {
    useProbeLauncher(() => {
      throw new Error('started a probe')
    })
    const status = { provider: 'cuda', available: true, float16: true, fusedAttention: false } as const
    expect(await chooseDevice(status)).toBe(status)
    expect(providerAbilities(status)).toEqual({ computeType: 'F16', attention: 1 })
  })

  it.each<[Provider, string, boolean, string]>([
    [
      'cuda',
      'Failed to load shared library',
      false,
      'the CUDA provider library is not installed (npm run install:cuda)',
    ],
    [
      'cuda',
      'libcudnn.so.9: cannot open shared object file: No such file or directory',
      true,
      'the CUDA 12 or cuDNN 9 libraries of NVIDIA are not installed',
    ],
    [
      'cuda',
      'CUDA failure 100: no CUDA-capable device is detected',
      true,
      'no NVIDIA graphics card with a working driver was found',
    ],
    ['webgpu', 'Failed to get a WebGPU adapter: No supported adapters', true, 'no graphics adapter was found'],
    ['dml', 'no available backend found. ERR: [dml] backend not found.', true, 'DirectML is there on Windows only'],
    ['webgpu', 'its process ended by SIGSEGV', true, 'its process ended by SIGSEGV'],
    ['webgpu', 'it computes wrong results', true, 'it computes wrong results'],
    ['webgpu', '/onnxruntime_src/x.cc:136 something new', true, 'it could not be started'],
  ])('says in words why %s is not used: %s', (provider, said, hasLibrary, reason) => {
    expect(providerReason(provider, said, hasLibrary)).toBe(reason)
  })
})

describe('requireDeviceMemory', () => {
  const card = { provider: 'cuda', available: true, deviceName: 'Small Card', deviceMemory: 4e9 } as const

  it('refuses what a card cannot hold, with both numbers', () => {
    expect(() => requireDeviceMemory(card, 'The model', 5e9)).toThrow(
      /needs about 5\.2 GB of graphics memory, and Small Card has 4\.0 GB/,
    )
    expect(() => requireDeviceMemory(card, 'A batch', 1e9, 3e9)).toThrow(/4\.2 GB .* 4\.0 GB/)
    expect(() => requireDeviceMemory(card, 'The model', 3e9)).not.toThrow()
    expect(() => requireDeviceMemory({ provider: 'webgpu', available: true }, 'The model', 5e12)).not.toThrow()
    expect(() => requireDeviceMemory({ provider: 'cpu', available: true }, 'The model', 5e15)).toThrow(/are free/)
  })

  it('comes before a model is loaded', async () => {
    const checkpoint = await openCheckpoint('tests/golden/sd1/pipeline')
    const loading = loadPipeline(checkpoint, { device: { ...card, deviceMemory: 1e6 } })
    await expect(loading).rejects.toMatchObject({
      kind: 'out-of-memory',
      message: expect.stringContaining('Small Card'),
    })
  })
})

describe('requireMemory', () => {
  it('refuses with both numbers', () => {
    expect(() => requireMemory('The model', 5e9, 4e9)).toThrow(/needs about 5\.2 GB of memory, and 4\.0 GB are free/)
    expect(() => requireMemory('The model', 3e9, 4e9)).not.toThrow()
  })
})
