import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { slicesFor, unetSlices, vaeSlices } from '../../../../src-main/engine/architecture/attention-slices'
import { buildUnet } from '../../../../src-main/engine/architecture/unet'
import { readUnetConfig } from '../../../../src-main/engine/architecture/unet-config'
import { readVaeConfig } from '../../../../src-main/engine/architecture/vae'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { TorchGenerator } from '../../../../src-main/engine/random'
import { Network } from '../../../../src-main/engine/runtime/network'

const LIMIT = 512e6

describe('slicesFor', () => {
  it('gives the fewest slices that keep score matrices within 512 MB', () => {
    const size = fc.integer({ min: 1, max: 40_000 })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 32 }),
        fc.integer({ min: 1, max: 20 }),
        size,
        size,
        (batch, heads, q, k) => {
          const slices = slicesFor(batch, heads, q, k)
          const bytes = (count: number) => batch * heads * Math.ceil(q / count) * k * 4
          if (slices < q) expect(bytes(slices)).toBeLessThanOrEqual(LIMIT)
          if (slices > 1) expect(bytes(slices - 1)).toBeGreaterThan(LIMIT)
        },
      ),
    )
  })
})

describe('slices of networks', () => {
  const sd1 = readUnetConfig({ attention_head_dim: 8 })
  const square = (batch: number, edge: number) => ({ batch, height: edge, width: edge })

  it('are what the largest attention layer needs', () => {
    // 2 · 8 · 4096² · 4 bytes are 1.07 GB; 256 pixels along an edge make a sixteenth of it.
    expect(unetSlices(sd1, square(2, 64), 77)).toBe(3)
    expect(unetSlices(sd1, square(2, 32), 77)).toBe(1)
    expect(unetSlices(sd1, { batch: 2, height: 96, width: 64 }, 77)).toBe(5)
    expect(vaeSlices(readVaeConfig({}), square(1, 64))).toBe(1)
    expect(vaeSlices(readVaeConfig({}), square(1, 128))).toBe(3)
    expect(vaeSlices(readVaeConfig({ mid_block_add_attention: false }), square(1, 128))).toBe(1)
  })

  it('do not count levels without attention', () => {
    const types = { down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D'], block_out_channels: [320, 640] }
    const config = readUnetConfig({ ...types, up_block_types: ['CrossAttnUpBlock2D', 'UpBlock2D'] })
    expect(unetSlices(config, square(2, 128), 77)).toBe(unetSlices(sd1, square(2, 64), 77))
  })
})

describe('Network.fitSlices', () => {
  it('opens the network again only for more slices, which compute the same', async () => {
    const { config, tensors } = (await openCheckpoint('tests/golden/sd1/pipeline')).components.get('unet')!
    const opened: number[] = []
    const network = await Network.openSliced(
      (attention) => {
        opened.push(attention)
        return buildUnet(config!, tensors, { computeType: 'F32', weights: 'initializers', attention })
      },
      1,
      { provider: 'cpu' },
    )
    const feeds = {
      sample: { data: new TorchGenerator(1).randn(4 * 9 * 8), dims: [1, 4, 9, 8] },
      timestep: { data: Float32Array.of(500), dims: [1] },
      encoder_hidden_states: { data: new TorchGenerator(2).randn(77 * 32), dims: [1, 77, 32] },
    }
    const whole = (await network.run(feeds))['output']!.data as Float32Array
    for (const slices of [1, 5, 2, 5]) await network.fitSlices(slices)
    expect(opened).toEqual([1, 5])
    const sliced = (await network.run(feeds))['output']!.data as Float32Array
    expect(Math.max(...sliced.map((value, i) => Math.abs(value - whole[i]!)))).toBeLessThan(1e-5)
    await network.release()
    await expect(network.run(feeds)).rejects.toMatchObject({ kind: 'internal' })
  })

  it('tries again after it failed', async () => {
    const { config, tensors } = (await openCheckpoint('tests/golden/sd1/pipeline')).components.get('unet')!
    let fail = false
    const network = await Network.openSliced(
      (attention) => {
        const built = buildUnet(config!, tensors, { computeType: 'F32', weights: 'initializers', attention })
        return fail ? { ...built, model: Uint8Array.of(1) } : built
      },
      2,
      { provider: 'cpu' },
    )
    fail = true
    await expect(network.fitSlices(3)).rejects.toMatchObject({ kind: 'internal' })
    fail = false
    await network.fitSlices(1)
    await network.release()
  })
})
