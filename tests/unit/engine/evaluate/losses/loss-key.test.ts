import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { projectSchema } from '../../../../../src-main/contract/document/project'
import {
  domainLossesSchema,
  lossKeyOf,
  lossKeysOf,
  type DomainLosses,
  type Measurement,
} from '../../../../../src-main/engine/evaluate/losses/loss-key'
import { LOSSES_FOLDER, MeasurementStore } from '../../../../../src-main/engine/evaluate/measured/measurement-store'
import { collectingDamage } from '../../../../../src-main/engine/files/kept/cache-damage'
import { describeEvaluationSet } from '../../../../../src-main/engine/evaluate/data/evaluation-set'
import { byContent, byState } from '../../../../../src-main/engine/evaluate/file-identity'
import { family } from '../../../demo-family'
import { temporaryFolder, tensor, writeModel } from '../../merge/models'

const LOSSES = {
  losses: [
    [0.1, 0.25],
    [1 / 3, 2e-9],
  ],
  seconds: 0.5,
}

describe('kept losses', () => {
  let folder: string
  let store: MeasurementStore<DomainLosses>
  beforeEach(() => {
    folder = temporaryFolder()
    store = new MeasurementStore(folder, domainLossesSchema)
  })
  const files = (): string[] => readdirSync(join(folder, LOSSES_FOLDER))

  it('come back to the last bit, under their key alone', async () => {
    await store.keep('a', LOSSES)
    expect(await new MeasurementStore(folder, domainLossesSchema).find('a')).toEqual(LOSSES)
    expect(await store.find('b')).toBeNull()
    await store.keep('a', { ...LOSSES, seconds: null })
    expect(await store.find('a')).toEqual({ ...LOSSES, seconds: null })
  })

  it('are whole or not there: readers between writers see no part, and nothing is left beside', async () => {
    const large = { losses: Array.from({ length: 2000 }, (_, i) => [i / 7, i]), seconds: 1 }
    const writing = Array.from({ length: 8 }, () => store.keep('a', large))
    const reading = Array.from({ length: 40 }, () => store.find('a'))
    for (const found of await Promise.all(reading)) expect(found === null || found.losses.length === 2000).toBe(true)
    await Promise.all(writing)
    expect(await store.find('a')).toEqual(large)
    expect(files()).toEqual(['a.json'])
  })

  it('that are damaged are measured again', async () => {
    mkdirSync(join(folder, LOSSES_FOLDER))
    for (const text of ['', '{"losses": [[0.1', '{"losses": [["x"]], "seconds": 1}', '{"seconds": 1}', '[]']) {
      writeFileSync(join(folder, LOSSES_FOLDER, 'a.json'), text)
      expect(await store.find('a'), text).toBeNull()
    }
  })

  it.skipIf(process.platform === 'win32')(
    'that cannot be read are measured again, and not told as damaged',
    async () => {
      mkdirSync(join(folder, LOSSES_FOLDER))
      const path = join(folder, LOSSES_FOLDER, 'a.json')
      symlinkSync(path, path)
      await collectingDamage(async (notes) => {
        expect(await store.find('a')).toBeNull()
        expect(notes).toEqual([expect.stringContaining(`${path} cannot be read: check its permissions.`)])
      })
    },
  )
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
      lossKeyOf({ path: first!.path, merge: null }, on),
      lossKeyOf({ path: second!.path, merge: null }, on),
      lossKeyOf(merge(), on),
      lossKeyOf(merge({}, { weight: 0.5 }), on),
      lossKeyOf(merge({}, { enabled: false }), on),
      lossKeyOf(merge({}, { blocks: { M00: 2 } }), on),
      lossKeyOf(merge({ method: { name: 'soup' } }), on),
      lossKeyOf(merge({ method: { seed: 1 } }), on),
      lossKeyOf(merge({ output: { include: ['unet', 'text_encoder'] } }), on),
      lossKeyOf(merge(), { ...on, seed: 1 }),
      lossKeyOf(merge(), { ...on, provider: 'webgpu' }),
      lossKeyOf(merge(), { ...on, base: second!.path }),
      lossKeyOf(merge(), { ...on, chosen: [{ ...on.chosen[0]!, name: 'y' }] }),
      lossKeyOf(merge(), {
        ...on,
        chosen: [{ name: 'x', pictures: [{ ...on.chosen[0]!.pictures[0]!, index: 1 }] }],
      }),
    ])
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('is the same for what changes none: hashes that were looked up, previews, where the export goes', async () => {
    const key = await lossKeyOf(merge(), on)
    for (const same of [
      merge({}, { sha256: 'f'.repeat(64) }),
      merge({ preview: { prompts: ['a cat'] } }),
      merge({ evaluation: { pictures: 3 } }),
      merge({ output: { path: 'elsewhere', layout: 'single-file', title: 't' } }),
    ])
      expect(await lossKeyOf(same, on)).toBe(key)
  })

  it('of several domains is that of each', async () => {
    const chosen = ['x', 'y'].map((name) => ({ ...on.chosen[0]!, name }))
    const keys = await lossKeysOf(merge(), { ...on, chosen })
    expect([...keys.keys()]).toEqual(['x', 'y'])
    for (const domain of chosen)
      expect(keys.get(domain.name)).toBe(await lossKeyOf(merge(), { ...on, chosen: [domain] }))
  })

  it('changes with a calibration only where the method reads it', async () => {
    const calibration = join(temporaryFolder(), 'calibration.safetensors')
    const of = (method: object): Promise<string> => lossKeyOf(merge({ method }), on)
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
    const key = (): Promise<string> => lossKeyOf({ path, merge: null }, { ...on, chosen })
    const before = await key()
    expect(await key()).toBe(before)
    utimesSync(path, 1, 1)
    const touched = await key()
    expect(touched).not.toBe(before)
    writeFileSync(picture, 'another')
    expect(await key()).not.toBe(touched)
  })
})

describe('the key of losses, by state and by content', () => {
  /** Where a model's settings lie: in its folder, or beside a single file. */
  const models = (place: string) => {
    const pipeline = join(place, 'pipeline')
    cpSync(family.base.path, pipeline, { recursive: true })
    const file = writeModel(join(place, 'model.v1.safetensors'), { w: tensor([1], [1]) })
    const project = join(place, 'merge.fusion.json')
    const models = [{ name: 'base', path: pipeline }, family.specialists[0]!]
    writeFileSync(
      project,
      JSON.stringify({ format: 'featurefusion-project', version: 1, models, method: { name: 'soup' } }),
    )
    return { pipeline, file, project }
  }

  it.each([
    ['pipeline', 'pipeline/scheduler/scheduler_config.json'],
    ['pipeline', 'pipeline/unet/config.json'],
    ['pipeline', 'pipeline/tokenizer/merges.txt'],
    ['pipeline', 'pipeline/model_index.json'],
    ['file', 'model.v1.yaml'],
    ['file', 'model.v1.yml'],
    ['file', 'config.json'],
    ['project', 'pipeline/scheduler/scheduler_config.json'],
  ] as const)('changes with the settings of a %s: %s', async (model, settings) => {
    const place = temporaryFolder()
    const path = models(place)[model]
    const { domains } = await describeEvaluationSet(family.evaluation)
    const chosen = [{ name: 'food', pictures: [{ index: 0, picture: domains[0]!.pictures[0]! }] }]
    const on = { base: family.base.path, folder: family.evaluation, chosen, seed: 0, provider: 'cpu' }
    const keys = (): Promise<string[]> =>
      Promise.all([byState, byContent({})].map((identity) => lossKeyOf({ path, merge: null }, on, identity)))
    const before = await keys()
    expect(await keys()).toEqual(before)
    appendFileSync(join(place, settings), '\n')
    const after = await keys()
    expect(after.filter((key) => !before.includes(key))).toHaveLength(2)
  })
})

describe('the key of losses by what files hold', () => {
  /** The demo's base, a specialist and data at another place, as another machine has them. */
  const elsewhere = () => {
    const place = temporaryFolder()
    for (const [name, path] of [
      ['base', family.base.path],
      ['specialist', family.specialists[0]!.path],
      ['data', family.evaluation],
    ] as const)
      cpSync(path, join(place, name), { recursive: true })
    return place
  }
  const keyIn = async (place: string): Promise<string> => {
    const [base, path, folder] = ['base', 'specialist', 'data'].map((name) => join(place, name)) as [
      string,
      string,
      string,
    ]
    const { domains } = await describeEvaluationSet(folder)
    const chosen = [{ name: 'food', pictures: [{ index: 0, picture: domains[0]!.pictures[0]! }] }]
    return lossKeyOf({ path, merge: null }, { base, folder, chosen, seed: 0, provider: 'cpu' }, byContent({}))
  }

  it('is the same wherever they lie, and another one once any of them is another', async () => {
    const [place, copy] = [elsewhere(), elsewhere()]
    const key = await keyIn(place)
    expect(await keyIn(copy)).toBe(key)
    const keys = [key]
    for (const file of ['data/food.safetensors', 'base/scheduler/scheduler_config.json', 'data/evaluation.json']) {
      const path = join(copy, file)
      const bytes = readFileSync(path)
      // Harmless in JSON; a bit of the last value in a file of weights.
      if (file.endsWith('.json')) writeFileSync(path, Buffer.concat([bytes, Buffer.from('\n')]))
      else writeFileSync(path, Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1)! ^ 1])]))
      keys.push(await keyIn(copy))
    }
    expect(new Set(keys).size).toBe(keys.length)
    writeFileSync(join(place, 'data', 'flat.safetensors'), 'of a domain that was not chosen')
    expect(await keyIn(place)).toBe(key)
  })
})
