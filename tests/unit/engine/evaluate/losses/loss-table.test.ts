import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Checkpoint } from '../../../../../src-main/engine/checkpoint/model/checkpoint'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { loadPipeline } from '../../../../../src-main/engine/diffusion/load-pipeline'
import type { Pipeline } from '../../../../../src-main/engine/diffusion/pipeline'
import { denoisingLoss } from '../../../../../src-main/engine/evaluate/losses/denoising-loss'
import {
  checkpointModel,
  liveModel,
  readUnetWeights,
} from '../../../../../src-main/engine/evaluate/losses/evaluated-model'
import { readEvaluationSet, type EvaluationSet } from '../../../../../src-main/engine/evaluate/data/evaluation-set'
import { measureLosses, type LossTable } from '../../../../../src-main/engine/evaluate/losses/loss-table'
import { chooseSplit, halves } from '../../../../../src-main/engine/evaluate/data/splits'
import { mean } from '../../../../../src-main/engine/evaluate/losses/bootstrap'
import { family } from '../../../demo-family'

/** Pictures of every domain that are measured. */
const MOST = 1

interface Expected {
  models: Record<string, Record<string, { per_picture: number[] }>>
}

let set: EvaluationSet
let base: Checkpoint
let pipeline: Pipeline
let table: LossTable
const expected = JSON.parse(readFileSync(join(family.evaluation, 'expected.json'), 'utf8')) as Expected

beforeAll(async () => {
  set = await readEvaluationSet(family.evaluation)
  base = await openCheckpoint(family.base.path)
  pipeline = await loadPipeline(base, { device: 'cpu', liveUnet: true })
  const specialist = family.specialists.at(-1)!
  const models = [
    checkpointModel(family.base.name, 'base', base, { base }),
    checkpointModel(specialist.name, 'specialist', await openCheckpoint(specialist.path), { base }),
    liveModel('the base in memory', 'merge', (inputs) => Promise.resolve(readUnetWeights(base, inputs))),
  ]
  table = await measureLosses(pipeline, set, models, chooseSplit(set, 'held-out', MOST))
}, 120_000)

afterAll(() => pipeline.release())

describe('a table of losses', () => {
  it('is what PyTorch measured for every model, with one session for all', () => {
    for (const { name, losses } of table.models.slice(0, 2))
      table.domains.forEach(({ name: domain, pictures }, place) => {
        const { per_picture: reference } = expected.models[name]![domain]!
        pictures.forEach(({ index }, picture) => {
          const loss = mean(losses[place]![picture]!)
          expect(Math.abs(loss / reference[index]! - 1), `${name} ${domain} ${index}`).toBeLessThan(0.001)
        })
      })
  })

  it('measures weights in memory as it measures their file', () => {
    const [file, , memory] = table.models
    expect(memory!.losses).toEqual(file!.losses)
  })

  it('has the curve of which the loss is the mean', async () => {
    const [domain] = table.domains
    const pictures = domain!.pictures.map(({ index }) => index)
    const losses = await denoisingLoss(pipeline, set, set.domains[0]!, { pictures })
    expect(table.models.at(-1)!.losses[0]!.map(mean)).toEqual([...losses])
    expect(table.models[0]!.losses[0]![0]).toHaveLength(set.timesteps.length)
  })

  it('takes a pipeline with text encoders of its own as it is', async () => {
    const lent = { ...base, path: 'another name of the base' }
    const prepared = await checkpointModel('copy', 'specialist', lent, { base }).prepare(pipeline)
    expect(prepared.parts.textEncoders[0]).not.toBe(pipeline.parts.textEncoders[0])
    const [place] = [0]
    const pictures = table.domains[place]!.pictures.map(({ index }) => index)
    const losses = await denoisingLoss(prepared, set, set.domains[place]!, { pictures })
    await prepared.release()
    expect([...losses]).toEqual(table.models[0]!.losses[place]!.map(mean))
  })

  it('is cancelled, and refuses a model without a UNet or of another shape', async () => {
    const domains = chooseSplit(set, 'train', 1)
    const model = checkpointModel('base', 'base', base, { base })
    await expect(measureLosses(pipeline, set, [model], domains, { signal: AbortSignal.abort() })).rejects.toMatchObject(
      { kind: 'cancelled' },
    )
    const vae = await openCheckpoint(join(family.base.path, 'vae'))
    await expect(checkpointModel('vae', 'merge', vae, { base }).prepare(pipeline)).rejects.toMatchObject({
      kind: 'incompatible',
    })
  })
})

describe('the choice of pictures', () => {
  it('keeps to the split, and its halves share no picture', () => {
    for (const split of ['held-out', 'train'] as const)
      for (const { pictures } of chooseSplit(set, split, 5)) {
        expect(pictures).toHaveLength(5)
        expect(pictures.every(({ picture }) => picture.split === split)).toBe(true)
      }
    const all = chooseSplit(set, 'all')
    const [search, check] = halves(all)
    all.forEach(({ pictures }, place) => {
      const parts = [...search[place]!.pictures, ...check[place]!.pictures].map(({ index }) => index)
      expect(parts.toSorted((a, b) => a - b)).toEqual(pictures.map(({ index }) => index))
    })
    const none = { ...set, domains: set.domains.map((domain) => ({ ...domain, pictures: [] })) }
    expect(() => chooseSplit(none, 'held-out')).toThrow(/no held-out pictures/)
  })
})
