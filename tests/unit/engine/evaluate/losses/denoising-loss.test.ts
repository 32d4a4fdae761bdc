import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { loadPipeline } from '../../../../../src-main/engine/diffusion/load-pipeline'
import type { Pipeline } from '../../../../../src-main/engine/diffusion/pipeline'
import { denoisingLoss } from '../../../../../src-main/engine/evaluate/losses/denoising-loss'
import { readEvaluationSet, type EvaluationSet } from '../../../../../src-main/engine/evaluate/data/evaluation-set'
import { family } from '../../../demo-family'

/** Of each domain; expected.json has the figures of single pictures. */
const PICTURES = [0, 1, 2, 3]

interface Expected {
  models: Record<string, Record<string, { per_picture: number[] }>>
}

let set: EvaluationSet
let expected: Expected

beforeAll(async () => {
  set = await readEvaluationSet(family.evaluation)
  expected = JSON.parse(readFileSync(join(family.evaluation, 'expected.json'), 'utf8')) as Expected
})

async function withModel<T>(index: number, use: (pipeline: Pipeline, name: string) => Promise<T>): Promise<T> {
  const { name, path } = [family.base, ...family.specialists][index]!
  const base = await openCheckpoint(family.base.path)
  const pipeline = await loadPipeline(await openCheckpoint(path), { base, device: 'cpu' })
  try {
    return await use(pipeline, name)
  } finally {
    await pipeline.release()
  }
}

describe('the denoising loss', () => {
  it.each([0, 1])('is what PyTorch measured, picture by picture (model %i)', (index) =>
    withModel(index, async (pipeline, name) => {
      for (const domain of [set.domains[0]!, set.domains.at(-1)!]) {
        const losses = await denoisingLoss(pipeline, set, domain, { pictures: PICTURES })
        const { per_picture: reference } = expected.models[name]![domain.name]!
        PICTURES.forEach((picture, place) => {
          expect(Math.abs(losses[place]! / reference[picture]! - 1)).toBeLessThan(0.001)
        })
      }
    }),
  )

  it('does not depend on which other pictures are measured', () =>
    withModel(0, async (pipeline) => {
      const [domain] = set.domains
      const several = await denoisingLoss(pipeline, set, domain!, { pictures: [5, 2] })
      const alone = await denoisingLoss(pipeline, set, domain!, { pictures: [2] })
      expect(several[1]).toBeCloseTo(alone[0]!, 6)
    }))

  it('is cancelled', () =>
    withModel(0, async (pipeline) => {
      const signal = AbortSignal.abort()
      await expect(denoisingLoss(pipeline, set, set.domains[0]!, { signal })).rejects.toMatchObject({
        kind: 'cancelled',
      })
    }))
})
