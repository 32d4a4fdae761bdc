import { describe, expect, it } from 'vitest'
import { ldmUnet } from '../../../../../src-main/engine/checkpoint/key-maps/unet'
import { Blocks } from '../../../../../src-main/engine/merge/plan/blocks'
import { REFINER_UNET, SD14_UNET, SD2_UNET, SDXL_UNET, unetShapes } from '../../checkpoint/network-shapes'

/** The blocks of a model whose UNet has these tensors. */
function blocksOf(names: Iterable<string>): Blocks {
  const stored = { name: '', elementType: 'F16' as const, shape: [], path: '', offset: 0, byteLength: 0 }
  const tensors = new Map([...names].map((name) => [name, { name, shape: [], stored, start: 0, transposed: false }]))
  return Blocks.of({ components: new Map([['unet', { name: 'unet', config: null, tensors }]]) })
}

const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(2, '0')}`)
const labels = (count: number): string[] => ['BASE', ...numbered('IN', count), 'M00', ...numbered('OUT', count)]

describe.each([
  ['Stable Diffusion 1.4', SD14_UNET, 12],
  ['Stable Diffusion 2', SD2_UNET, 12],
  ['SDXL', SDXL_UNET, 9],
  ['SDXL refiner', REFINER_UNET, 12],
] as const)('blocks of %s', (_, settings, count) => {
  const names = [...unetShapes(settings).keys()]
  const blocks = blocksOf(names)

  it("have the field's labels", () => expect(blocks.labels).toEqual(labels(count)))

  it("hold every tensor where LDM's number puts it", () => {
    const table = ldmUnet.fromCanonical(names)
    const seen = new Set<string>()
    for (const name of names) {
      const stored = table.toStored(name)!.name
      const place = /^(input|output)_blocks\.(\d+)\./.exec(stored)
      const expected = place
        ? `${place[1] === 'input' ? 'IN' : 'OUT'}${place[2]!.padStart(2, '0')}`
        : stored.startsWith('middle_block.')
          ? 'M00'
          : stored.startsWith('out.')
            ? labels(count).at(-1)
            : 'BASE'
      expect(`${name} ${blocks.blockOf('unet', name)}`).toBe(`${name} ${expected}`)
      seen.add(expected!)
    }
    expect([...seen].sort()).toEqual(labels(count).sort())
  })
})

it('other components have blocks of their own', () => {
  const blocks = blocksOf(unetShapes(SD14_UNET).keys())
  expect(blocks.blockOf('text_encoder', 'text_model.embeddings.token_embedding.weight')).toBe('BASE')
  expect(blocks.blockOf('vae', 'encoder.conv_in.weight')).toBe('VAE')
})
