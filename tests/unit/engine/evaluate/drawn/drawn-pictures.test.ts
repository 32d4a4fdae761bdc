import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { loadPipeline } from '../../../../../src-main/engine/diffusion/load-pipeline'
import { DRAWN_FOLDER, DrawnPictures } from '../../../../../src-main/engine/evaluate/drawn/drawn-pictures'
import { drawnPicturesIn } from '../../../../../src-main/engine/evaluate/measured/kept-in'
import { NotKept } from '../../../../../src-main/engine/files/kept/not-kept'
import { ResultLines } from '../../../../../src-main/engine/evaluate/measured/result-lines'
import { collectingDamage } from '../../../../../src-main/engine/files/kept/cache-damage'
import { readParameters } from '../../../../../src-main/engine/image/png'
import { openModel } from '../../../../../src-main/engine/merge/open-model'
import { family } from '../../../demo-family'
import { CLIP_VOCABULARY, temporaryFolder } from '../../merge/models'

const SETTINGS = { steps: 1, guidance: 1 }
const requests = Array.from({ length: 20 }, (_, seed) => ({ prompt: 'a red apple', seed }))

const loaded = async () =>
  loadPipeline(await openModel(family.base.path), { device: 'cpu', clipVocabulary: CLIP_VOCABULARY })

it('draws nothing twice, goes on where it was stopped, and draws again what is damaged or another picture', async () => {
  const cacheFolder = temporaryFolder()
  const folder = join(cacheFolder, DRAWN_FOLDER)
  const pipeline = await loaded()
  const generate = vi.spyOn(pipeline, 'generate')
  const drawnNow = (): number => generate.mock.calls.reduce((sum, [{ pictures }]) => sum + pictures.length, 0)
  const model = { pipeline, key: 'a model' }
  const store = new DrawnPictures(cacheFolder)
  try {
    const controller = new AbortController()
    const stopping = { signal: controller.signal, onDrawn: () => controller.abort() }
    await expect(store.draw(model, requests, SETTINGS, stopping)).rejects.toMatchObject({ kind: 'cancelled' })
    const before = drawnNow()
    expect(before).toBeGreaterThan(0)
    expect(before).toBeLessThan(requests.length)

    const pictures = await store.draw(model, requests, SETTINGS)
    expect(drawnNow()).toBe(requests.length)
    expect(new Set(pictures.map(({ sha256 }) => sha256)).size).toBe(requests.length)
    expect(readdirSync(folder)).toHaveLength(requests.length)
    expect(await new DrawnPictures(cacheFolder).draw(model, requests, SETTINGS)).toEqual(pictures)
    expect(drawnNow()).toBe(requests.length)

    const [first, second, third] = pictures.map(({ key }) => join(folder, `${key}.png`))
    expect(readParameters(readFileSync(first!))).toMatchObject({ prompt: 'a red apple' })
    const [again] = await pipeline.generate({ ...SETTINGS, ...pipeline.nativeSize, pictures: [requests[0]!] })
    expect((await store.pixels(pictures[0]!)).pixels).toEqual(again!.pixels)
    generate.mockClear()

    const bytes = readFileSync(first!)
    bytes[bytes.length - 40]! ^= 4
    writeFileSync(first!, bytes)
    cpSync(third!, second!)
    await collectingDamage(async (notes) => {
      const three = requests.slice(0, 3)
      expect((await store.find(model.key, three, SETTINGS)).map((kept) => kept !== null)).toEqual([false, false, true])
      expect(notes).toHaveLength(2)
      await expect(store.pixels(pictures[0]!)).rejects.toMatchObject({ kind: 'source-changed' })
      expect(await store.draw(model, three, SETTINGS)).toEqual(pictures.slice(0, 3))
      expect(drawnNow()).toBe(2)
    })

    for (const [other, settings] of [
      ['another model', SETTINGS],
      [model.key, { ...SETTINGS, steps: 2 }],
      [model.key, { ...SETTINGS, guidance: 2 }],
      [model.key, { ...SETTINGS, scheduler: 'euler' }],
    ] as const)
      expect(await store.find(other, requests.slice(0, 1), settings)).toEqual([null])
  } finally {
    await pipeline.release()
  }
})

it.skipIf(process.platform === 'win32')('in a folder of results may be read as the umask says', async () => {
  const [cacheFolder, folder] = [temporaryFolder(), temporaryFolder()]
  const results = await ResultLines.open(folder, 'rest')
  const pipeline = await loaded()
  try {
    for (const [keptIn, place, modes] of [
      [{ cacheFolder }, cacheFolder, [0o700, 0o600]],
      [{ cacheFolder, results }, folder, [0o777, 0o666].map((mode) => mode & ~process.umask())],
    ] as const) {
      const drawn = drawnPicturesIn(keptIn)
      const [picture] = await drawn.draw({ pipeline, key: 'm' }, requests.slice(0, 1), SETTINGS)
      const paths = [join(place, DRAWN_FOLDER), join(place, DRAWN_FOLDER, `${picture!.key}.png`)]
      expect(paths.map((path) => statSync(path).mode & 0o777)).toEqual(modes)
    }
  } finally {
    await pipeline.release()
  }
})

it('says that a picture cannot be kept, since those that follow could not be either', async () => {
  const cacheFolder = temporaryFolder()
  const pipeline = await loaded()
  const { generate } = pipeline
  vi.spyOn(pipeline, 'generate').mockImplementationOnce((...asked) => {
    writeFileSync(join(cacheFolder, DRAWN_FOLDER), '')
    return generate.apply(pipeline, asked)
  })
  try {
    const drawing = new DrawnPictures(cacheFolder).draw({ pipeline, key: 'a model' }, requests.slice(0, 1), SETTINGS)
    await expect(drawing).rejects.toThrow(NotKept)
    await expect(drawing).rejects.toMatchObject({ kind: 'target' })
  } finally {
    await pipeline.release()
  }
})
