import { describe, expect, it } from 'vitest'
import { scorerFilesSchema } from '../../../../../src-main/contract/evaluate/scores/scorers'
import { loadScorer, scorerMemory } from '../../../../../src-main/engine/evaluate/scores/load-scorer'
import { readModel } from '../../merge/models'

const CLIP = 'tests/golden/clip/model'

const picture = { width: 50, height: 40, pixels: Uint8Array.from({ length: 50 * 40 * 3 }, (_, i) => i % 251) }

describe('a scorer by its name', () => {
  it('says how well pictures fit a prompt', async () => {
    const scorer = await loadScorer('clip', scorerFilesSchema.parse({ clip: CLIP }), { device: 'cpu' })
    const scores = await scorer.scores([picture, picture], 'a red apple')
    await scorer.release()
    expect(scorer.name).toBe('clip')
    expect(scores).toHaveLength(2)
    expect(scores[0]).toBeCloseTo(scores[1]!, 4)
  })

  it('is refused where its files are not named, with what to name', async () => {
    await expect(loadScorer('pick-score', scorerFilesSchema.parse({}), { device: 'cpu' })).rejects.toMatchObject({
      kind: 'validation',
      message: 'The files of PickScore were not named.',
      hint: 'Name the folder of the PickScore model (transformers).',
    })
  })
})

describe('the memory of a scorer', () => {
  it('is that of its weights in float32, known from headers', async () => {
    const values = [...(await readModel(`${CLIP}/model.safetensors`)).values()]
    const elements = values.reduce((sum, { type, values }) => sum + (type === 'F32' ? values.length : 0), 0)
    const bytes = await scorerMemory('clip', scorerFilesSchema.parse({ clip: CLIP }))
    expect(bytes).toBeGreaterThanOrEqual(4 * elements)
    expect(bytes).toBeLessThan(4 * elements + 4096)
  })

  it('decides before anything is loaded', async () => {
    const device = { provider: 'cuda', available: true, deviceName: 'a small card', deviceMemory: 1e6 } as const
    await expect(loadScorer('clip', scorerFilesSchema.parse({ clip: CLIP }), { device })).rejects.toMatchObject({
      kind: 'out-of-memory',
      message: expect.stringMatching(/^Running .*clip.model needs about .* and a small card has 0.0 GB/),
    })
  })
})
