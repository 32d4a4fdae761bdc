import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { projectSchema } from '../../../../../src-main/contract/document/project'
import { LOSSES_FOLDER, LossStore, type Measurement } from '../../../../../src-main/engine/evaluate/losses/loss-store'
import { family } from '../../../demo-family'
import { temporaryFolder, tensor, writeModel } from '../../merge/models'

const LOSSES = {
  losses: [
    [
      [0.1, 0.25],
      [1 / 3, 2e-9],
    ],
    [[7, 1]],
  ],
  seconds: 0.5,
}

describe('kept losses', () => {
  let folder: string
  let store: LossStore
  beforeEach(() => {
    folder = temporaryFolder()
    store = new LossStore(folder)
  })
  const files = (): string[] => readdirSync(join(folder, LOSSES_FOLDER))

  it('come back to the last bit, under their key alone', async () => {
    await store.keep('a', LOSSES)
    expect(await new LossStore(folder).find('a')).toEqual(LOSSES)
    expect(await store.find('b')).toBeNull()
    await store.keep('a', { ...LOSSES, seconds: null })
    expect(await store.find('a')).toEqual({ ...LOSSES, seconds: null })
  })

  it('are whole or not there: readers between writers see no part, and nothing is left beside', async () => {
    const large = { losses: [Array.from({ length: 2000 }, (_, i) => [i / 7, i])], seconds: 1 }
    const writing = Array.from({ length: 8 }, () => store.keep('a', large))
    const reading = Array.from({ length: 40 }, () => store.find('a'))
    for (const found of await Promise.all(reading))
      expect(found === null || found.losses[0]!.length === 2000).toBe(true)
    await Promise.all(writing)
    expect(await store.find('a')).toEqual(large)
    expect(files()).toEqual(['a.json'])
  })

  it('that are damaged are measured again', async () => {
    mkdirSync(join(folder, LOSSES_FOLDER))
    for (const text of ['', '{"losses": [[[0.1', '{"losses": [[["x"]]], "seconds": 1}', '{"seconds": 1}', '[]']) {
      writeFileSync(join(folder, LOSSES_FOLDER, 'a.json'), text)
      expect(await store.find('a'), text).toBeNull()
    }
  })
})

describe('the key of losses', () => {
  const [first, second] = family.specialists
  const on: Measurement = {
    base: family.base.path,
    folder: family.evaluation,
    chosen: [{ name: 'x', pictures: [{ index: 0, picture: { caption: 'c', split: 'train' } }] }],
    seed: 0,
    provider: 'cpu',
  }
  const merge = (change: object = {}, model: object = {}) => ({
    path: null,
    merge: projectSchema.parse({
      format: 'featurefusion-project',
      version: 1,
      models: [family.base, { ...first!, ...model }],
      ...change,
    }),
  })

  it('is another one for whatever changes the figures', async () => {
    const keys = await Promise.all([
      LossStore.keyOf({ path: first!.path, merge: null }, on),
      LossStore.keyOf({ path: second!.path, merge: null }, on),
      LossStore.keyOf(merge(), on),
      LossStore.keyOf(merge({}, { weight: 0.5 }), on),
      LossStore.keyOf(merge({}, { enabled: false }), on),
      LossStore.keyOf(merge({}, { blocks: { M00: 2 } }), on),
      LossStore.keyOf(merge({ method: { name: 'soup' } }), on),
      LossStore.keyOf(merge({ method: { seed: 1 } }), on),
      LossStore.keyOf(merge({ output: { include: ['unet', 'text_encoder'] } }), on),
      LossStore.keyOf(merge(), { ...on, seed: 1 }),
      LossStore.keyOf(merge(), { ...on, provider: 'webgpu' }),
      LossStore.keyOf(merge(), { ...on, base: second!.path }),
      LossStore.keyOf(merge(), { ...on, chosen: [{ ...on.chosen[0]!, name: 'y' }] }),
      LossStore.keyOf(merge(), {
        ...on,
        chosen: [{ name: 'x', pictures: [{ ...on.chosen[0]!.pictures[0]!, index: 1 }] }],
      }),
    ])
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('is the same for what changes none: hashes that were looked up, previews, where the export goes', async () => {
    const key = await LossStore.keyOf(merge(), on)
    for (const same of [
      merge({}, { sha256: 'f'.repeat(64) }),
      merge({ preview: { prompts: ['a cat'] } }),
      merge({ evaluation: { pictures: 3 } }),
      merge({ output: { path: 'elsewhere', layout: 'single-file', title: 't' } }),
    ])
      expect(await LossStore.keyOf(same, on)).toBe(key)
  })

  it('changes with a calibration only where the method reads it', async () => {
    const calibration = join(temporaryFolder(), 'calibration.safetensors')
    const of = (method: object): Promise<string> => LossStore.keyOf(merge({ method }), on)
    const read = { name: 'feature-regression', calibration }
    await expect(of(read)).rejects.toMatchObject({ kind: 'not-found' })
    for (const method of [{ name: 'soup' }, { name: 'featurefusion' }])
      expect(await of({ ...method, calibration })).toBe(await of(method))
    writeFileSync(calibration, 'one')
    const before = await of(read)
    utimesSync(calibration, 1, 1)
    expect(await of(read)).not.toBe(before)
    expect(await of({ name: 'featurefusion', statistics: 'calibrated', calibration })).not.toBe(
      await of({ name: 'featurefusion', statistics: 'calibrated' }),
    )
  })

  it('changes with the files behind it, those of pictures included', async () => {
    const folder = temporaryFolder()
    const path = writeModel(join(folder, 'model.safetensors'), { w: tensor([1], [1]) })
    const picture = join(folder, 'picture.png')
    writeFileSync(picture, 'one')
    const chosen = [{ name: 'x', pictures: [{ index: 0, picture: { caption: '', split: 'train', file: picture } }] }]
    const key = (): Promise<string> => LossStore.keyOf({ path, merge: null }, { ...on, chosen })
    const before = await key()
    expect(await key()).toBe(before)
    utimesSync(path, 1, 1)
    const touched = await key()
    expect(touched).not.toBe(before)
    writeFileSync(picture, 'another')
    expect(await key()).not.toBe(touched)
  })
})
