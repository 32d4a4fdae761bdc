import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { compareCheckpoints } from '../../../../src-main/engine/checkpoint/compare'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { family, familyFolders } from '../../demo-family'
import { GOLDEN, writeSparse } from './files'
import { SD14_UNET, SD2_UNET, SDXL_UNET, unetShapes, type Shapes } from './network-shapes'

const folder = mkdtempSync(join(tmpdir(), 'featurefusion-compare-'))
afterAll(() => rmSync(folder, { recursive: true }))

const openUnet = (name: string, shapes: Shapes, elementType: 'F16' | 'F32' = 'F16') => {
  const path = join(folder, `${name}.safetensors`)
  writeSparse(path, shapes, { elementType })
  return openCheckpoint(path)
}

describe('compares', () => {
  it.each([
    ['sd1', ['layouts/sd1-ldm.safetensors', 'layouts/sd1-fp16'], ['unet', 'text_encoder', 'vae']],
    ['sd1', ['layouts/sd1-bf16', 'layouts/sd1-sharded'], ['unet']],
    ['sdxl', ['layouts/sdxl-ldm-fp16.safetensors'], ['unet', 'text_encoder', 'text_encoder_2', 'vae']],
  ] as const)('a %s folder with %s: they fit', async (family, others, components) => {
    const base = await openCheckpoint(join(GOLDEN, family, 'pipeline'))
    const opened = await Promise.all(others.map((path) => openCheckpoint(join(GOLDEN, path))))
    expect(compareCheckpoints(base, opened, components)).toEqual([])
    for (const other of opened) expect(compareCheckpoints(other, [base], components)).toEqual([])
  })

  it('the demo family: it fits', async () => {
    const [base, ...others] = await Promise.all(familyFolders.map((path) => openCheckpoint(path)))
    expect(compareCheckpoints(base!, others, ['unet'])).toEqual([])
  })

  it('families: a diffusers UNet of Stable Diffusion 1 is not an SDXL one, in words', async () => {
    const base = await openUnet('xl', unetShapes(SDXL_UNET))
    const other = await openUnet('sd1', unetShapes(SD14_UNET), 'F32')
    const found = compareCheckpoints(base, [other], ['unet'])
    expect(found[0]).toMatchObject({ severity: 'error', kind: 'family', path: other.path })
    expect(found[0]?.message).toMatch(
      /a Stable Diffusion 1 UNet \(cross-attention 768.*an SDXL UNet \(cross-attention 2048/,
    )
    const ours = new Set(base.components.get('unet')?.tensors.keys())
    const missing = found.find(({ kind }) => kind === 'missing')
    const expected = [...ours].filter((name) => !unetShapes(SD14_UNET).has(name))
    expect(missing?.tensors.map(({ name }) => name).sort()).toEqual(expected.sort())
  })

  it('tensors: missing and other shapes are errors, what only a specialist has a warning', async () => {
    const shapes = unetShapes(SD14_UNET)
    const base = await openUnet('base', shapes)
    const changed = new Map(shapes)
    changed.delete('conv_out.bias')
    changed.set('conv_out.weight', [4, 320, 1, 1])
    changed.set('conv_new.weight', [1])
    const other = await openUnet('changed', changed)
    const found = compareCheckpoints(base, [base, other], ['unet'])
    expect(found.map(({ severity, kind, tensors }) => ({ severity, kind, tensors }))).toEqual([
      { severity: 'error', kind: 'missing', tensors: [{ name: 'conv_out.bias', base: [4], other: null }] },
      {
        severity: 'error',
        kind: 'shape',
        tensors: [{ name: 'conv_out.weight', base: [4, 320, 3, 3], other: [4, 320, 1, 1] }],
      },
      { severity: 'warning', kind: 'extra', tensors: [{ name: 'conv_new.weight', base: null, other: [1] }] },
    ])
    expect(found[1]?.message).toContain('conv_out.weight ([4, 320, 1, 1] instead of [4, 320, 3, 3])')
  })

  it('plain with inpainting models: refused in words', async () => {
    const base = await openUnet('plain', unetShapes(SD14_UNET))
    const other = await openUnet('inpainting', unetShapes({ ...SD14_UNET, inChannels: 9 }))
    expect(compareCheckpoints(base, [other], ['unet']).map(({ kind }) => kind)).toEqual(['family', 'shape'])
  })

  it('Stable Diffusion 2 of both predictions: a warning', async () => {
    const base = await openCheckpoint(join(GOLDEN, 'sd2/pipeline'))
    const other = { ...base, path: '/other', predictionType: 'epsilon' as const, architecture: 'sd2' as const }
    expect(compareCheckpoints(base, [other], ['unet'])).toMatchObject([{ severity: 'warning', kind: 'prediction' }])
    const unknown = await openUnet('sd2', unetShapes(SD2_UNET))
    expect(compareCheckpoints(unknown, [unknown], ['unet'])).toEqual([])
  })

  it('components that are not there', async () => {
    const base = await openCheckpoint(family.base.path)
    const other = await openCheckpoint(familyFolders[1]!)
    expect(compareCheckpoints(base, [other], ['unet', 'vae'])).toMatchObject([
      { severity: 'error', kind: 'missing-component', component: 'vae', path: other.path },
    ])
    expect(compareCheckpoints(other, [base], ['vae'])).toMatchObject([{ kind: 'missing-component', path: other.path }])
  })
})
