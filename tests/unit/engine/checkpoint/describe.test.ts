import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { describeCheckpoint } from '../../../../src-main/engine/checkpoint/describe'
import { hashFile, shortHash } from '../../../../src-main/engine/checkpoint/hash'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { GOLDEN, writeSparse } from './files'
import { SD14_UNET, unetShapes } from './network-shapes'

const folder = mkdtempSync(join(tmpdir(), 'featurefusion-describe-'))
afterAll(() => rmSync(folder, { recursive: true }))

const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')

describe('hashes', () => {
  const cacheFolder = join(folder, 'cache')
  const path = join(folder, 'x.bin')

  it('are those of the bytes, remembered until the file changes', async () => {
    writeFileSync(path, Buffer.alloc(9_000_000, 7))
    const first = sha256(path)
    const progress: number[] = []
    expect(await hashFile(path, { cacheFolder, onProgress: (done) => progress.push(done) })).toBe(first)
    expect(progress).toEqual([4_194_304, 8_388_608, 9_000_000])
    progress.length = 0
    expect(await hashFile(path, { cacheFolder, onProgress: (done) => progress.push(done) })).toBe(first)
    expect(progress).toEqual([9_000_000])
    writeFileSync(path, Buffer.alloc(9_000_000, 8))
    utimesSync(path, 1, 1)
    expect(await hashFile(path, { cacheFolder })).toBe(sha256(path))
    expect(shortHash(first)).toHaveLength(10)
  })

  it('of many at once leave a whole cache', async () => {
    const paths = Array.from({ length: 20 }, (_, i) => join(folder, `${i}.bin`))
    for (const each of paths) writeFileSync(each, each)
    await Promise.all(paths.map((each) => hashFile(each, { cacheFolder })))
    expect(() => JSON.parse(readFileSync(join(cacheFolder, 'hashes.json'), 'utf8')) as unknown).not.toThrow()
  })

  it('do without a cache that is damaged', async () => {
    writeFileSync(join(cacheFolder, 'hashes.json'), '{"')
    expect(await hashFile(path, { cacheFolder })).toBe(sha256(path))
    expect(existsSync(join(cacheFolder, 'hashes.json'))).toBe(true)
  })

  it('can be cancelled, and name a file that is not there', async () => {
    writeFileSync(path, Buffer.alloc(9_000_000, 9))
    const controller = new AbortController()
    const options = { signal: controller.signal, onProgress: () => controller.abort() }
    await expect(hashFile(path, options)).rejects.toMatchObject({ kind: 'cancelled' })
    await expect(hashFile(join(folder, 'none'))).rejects.toMatchObject({ kind: 'not-found' })
  })
})

describe('describes', () => {
  it('a single file: parameters, element types, extras', async () => {
    const path = join(GOLDEN, 'layouts/sdxl-ldm-fp16.safetensors')
    const summary = await describeCheckpoint(await openCheckpoint(path))
    expect(summary).toMatchObject({
      path: resolve(path),
      layout: 'single-file',
      architecture: 'sdxl-base',
      elementTypes: { I32: 1 },
      files: [{ path: resolve(path), sha256: null, shortHash: null }],
      recipe: null,
    })
    expect(summary.extras.sort()).toEqual([
      'alphas_cumprod',
      'betas',
      'conditioner.embedders.1.model.logit_scale',
      'model_ema.decay',
      'model_ema.num_updates',
      'sqrt_alphas_cumprod',
    ])
    const pipeline = await describeCheckpoint(await openCheckpoint(join(GOLDEN, 'sdxl/pipeline')))
    expect(summary.parameters).toBe(pipeline.parameters)
    expect(summary.components.map(({ name, parameters }) => [name, parameters])).toEqual(
      pipeline.components.map(({ name, parameters }) => [name, parameters]),
    )
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary)
  })

  it('recipes, modelspec and known hashes', async () => {
    const path = join(folder, 'merged.safetensors')
    writeSparse(path, unetShapes({ ...SD14_UNET, channels: [8, 8, 8, 8] }), {
      metadata: {
        'featurefusion.recipe': '{"method":"soup"}',
        sd_merge_recipe: 'old text',
        mecha_recipe: 'version 0.1.0',
        'modelspec.title': 'Mine',
      },
    })
    const hash = await hashFile(path, { cacheFolder: folder })
    const summary = await describeCheckpoint(await openCheckpoint(path), { cacheFolder: folder })
    expect(summary.recipe).toEqual({
      'featurefusion.recipe': { method: 'soup' },
      sd_merge_recipe: 'old text',
      mecha_recipe: 'version 0.1.0',
    })
    expect(summary.modelspec).toEqual({ title: 'Mine' })
    expect(summary.files[0]).toMatchObject({ sha256: hash, shortHash: hash.slice(0, 10) })
  })
})
