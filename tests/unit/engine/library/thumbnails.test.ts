import { describe, expect, it } from 'vitest'
import { encodePng } from '../../../../src-main/engine/image/png'
import { readThumbnail } from '../../../../src-main/engine/library/thumbnails'
import { makeSpecial } from '../../special-files'
import { put, putText, SHAPES, temporaryFolder } from './library-trees'
import { list } from './listing'

const png = Buffer.from(encodePng({ width: 1, height: 1, channels: 3, data: new Uint8Array(3) }))
const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(5000, 'jpeg')])
const webp = Buffer.concat([Buffer.from('RIFF'), Buffer.alloc(4), Buffer.from('WEBPVP8 ')])

async function thumbnailOf(root: string): Promise<string | null> {
  return (await list(root)).entries[0]!.thumbnail
}

describe('the picture of a model', () => {
  it.each(['preview.png', 'preview.jpeg', 'png', 'jpg', 'jpeg', 'webp'])('lies beside it: name.%s', async (ending) => {
    const root = temporaryFolder()
    put(root, 'a.b.safetensors', SHAPES.lora)
    putText(root, 'a.png', png)
    expect(await thumbnailOf(root)).toBeNull()
    const path = putText(root, `a.b.${ending}`, png)
    expect(await thumbnailOf(root)).toBe(path)
    expect(await readThumbnail(path)).toEqual({ type: 'image/png', bytes: png })
  })

  it('is the one made to be shown, where there are two', async () => {
    const root = temporaryFolder()
    put(root, 'a.safetensors', SHAPES.lora)
    putText(root, 'a.png', png)
    const path = putText(root, 'a.preview.png', png)
    expect(await thumbnailOf(root)).toBe(path)
  })

  it('is inside it, as a data URI, also behind a long header', async () => {
    const picture = `data:image/jpeg;base64,${jpeg.toString('base64')}`
    const long = Object.fromEntries(
      Array.from({ length: 400 }, (_, at) => [`lora_unet_blocks_${at}_attn2_to_k.lora_down.weight`, [4, 768]]),
    )
    for (const shapes of [SHAPES.lora, long]) {
      const root = temporaryFolder()
      const path = put(root, 'a.safetensors', shapes, { 'modelspec.thumbnail': picture, text: '"quoted"' })
      expect(await thumbnailOf(root)).toBe(path)
      expect(await readThumbnail(path)).toEqual({ type: 'image/jpeg', bytes: jpeg })
    }
  })

  it('is told by its first bytes, whatever its name says', async () => {
    const root = temporaryFolder()
    expect((await readThumbnail(putText(root, 'a.png', webp))).type).toBe('image/webp')
    for (const contents of ['<svg onload="x"/>', 'GIF89a', '', 'RIFF0000WAVE'])
      await expect(readThumbnail(putText(root, 'b.png', contents))).rejects.toMatchObject({ kind: 'unsupported' })
  })

  it('has a limit, and is a file', async () => {
    const root = temporaryFolder()
    const large = Buffer.concat([png, Buffer.alloc(9e6)])
    await expect(readThumbnail(putText(root, 'large.png', large))).rejects.toMatchObject({ kind: 'malformed' })
    const uri = `data:image/png;base64,${large.toString('base64')}`
    const path = put(root, 'a.safetensors', SHAPES.lora, { 'modelspec.thumbnail': uri })
    await expect(readThumbnail(path)).rejects.toMatchObject({ kind: 'malformed' })
    await expect(readThumbnail(put(root, 'none.safetensors'))).rejects.toMatchObject({ kind: 'not-found' })
    if (process.platform === 'win32') return
    await expect(readThumbnail(await makeSpecial('FIFO', root, 'pipe.png'))).rejects.toMatchObject({
      kind: 'unsupported',
    })
  })
})
