import * as fs from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KnownHeaders } from '../../../../src-main/engine/library/known-headers'
import { readModelHeader } from '../../../../src-main/engine/library/model-header'
import { put, SHAPES, temporaryFolder } from './library-trees'
import { inWords, list } from './listing'

const THUMBNAIL = { 'modelspec.thumbnail': 'data:image/png;base64,iVBORw0KGgo=' }
const METADATA = [
  {},
  { format: 'pt' },
  { title: 'a "quoted" } name \\' },
  { ss_base_model_version: 'sdxl_base_v1-0' },
  { 'modelspec.architecture': 'flux-1-dev/lora' },
  THUMBNAIL,
]
/** An adapter whose base only metadata tell. */
const UNTOLD = { 'lora_unet_x.lora_down.weight': [4, 320], 'lora_unet_x.lora_up.weight': [320, 4] }

describe('files with the same tensors', () => {
  it('are told as each would be alone, whatever comes before them', () => {
    const root = temporaryFolder()
    const shapes = { ...SHAPES, untold: UNTOLD }
    const file = fc.record({
      shapes: fc.constantFrom(...Object.values(shapes)),
      metadata: fc.constantFrom(...(METADATA as Record<string, string>[])),
    })
    fc.assert(
      fc.property(fc.array(file, { minLength: 1, maxLength: 12 }), (files) => {
        const headers = new KnownHeaders()
        for (const [index, { shapes, metadata }] of files.entries()) {
          const header = readModelHeader(put(root, `${index}.safetensors`, shapes, metadata))
          expect(headers.factsOf(header)).toEqual(new KnownHeaders().factsOf(header))
        }
      }),
      { numRuns: 40 },
    )
  })

  it('have pictures, and bases that metadata name, of their own', async () => {
    const root = temporaryFolder()
    put(root, 'plain.safetensors', UNTOLD, { format: 'pt' })
    put(root, 'sdxl.safetensors', UNTOLD, { ss_base_model_version: 'sdxl_base_v1-0' })
    put(root, 'sd1.safetensors', UNTOLD, { ...THUMBNAIL, ss_base_model_version: 'sd_v1' })
    const { entries } = await list(root)
    expect(inWords(entries)).toEqual(['plain: adapter', 'sd1: adapter SD 1.x', 'sdxl: adapter SDXL'])
    expect(entries.filter(({ thumbnail }) => thumbnail !== null).map(({ name }) => name)).toEqual(['sd1'])
  })

  it('are unreadable where their own data end too early', async () => {
    const root = temporaryFolder()
    put(root, 'a.safetensors')
    fs.truncateSync(put(root, 'b.safetensors'), fs.statSync(put(root, 'c.safetensors')).size - 1)
    const { entries } = await list(root)
    expect(inWords(entries)).toEqual(['a: checkpoint SD 1.x', 'b: unreadable', 'c: checkpoint SD 1.x'])
  })
})
