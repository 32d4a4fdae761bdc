import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { ClipScorer } from '../../../../../src-main/engine/evaluate/clip/clip-scorer'
import { readModel, temporaryFolder, tensor, writeModel } from '../../merge/models'

const CLIP = 'tests/golden/clip/model'

describe('CLIP scores of pictures', () => {
  it('are of the model’s own image size and tokenizer, each picture for itself', async () => {
    const scorer = await ClipScorer.load(await openCheckpoint(CLIP), 'cpu')
    const picture = (value: number) => ({ width: 50, height: 40, pixels: new Uint8Array(50 * 40 * 3).fill(value) })
    const both = await scorer.scores([picture(0), picture(250)], 'a red apple')
    const [alone] = await scorer.scores([picture(250)], 'a red apple')
    await scorer.release()
    expect(both).toHaveLength(2)
    expect(both.every((score) => score >= 0 && score <= 100)).toBe(true)
    expect(alone).toBeCloseTo(both[1]!, 3)
    const { vision_config: vision } = JSON.parse(readFileSync(`${CLIP}/config.json`, 'utf8')) as {
      vision_config: { image_size: number }
    }
    expect(vision.image_size).not.toBe(224)
  })
})

it.each(['F16', 'BF16'] as const)('a CLIP model in %s scores like any other, without logit_scale too', async (type) => {
  const folder = temporaryFolder()
  for (const name of readdirSync(CLIP)) copyFileSync(join(CLIP, name), join(folder, name))
  const tensors = [...(await readModel(join(CLIP, 'model.safetensors')))].map(
    ([name, own]) => [name, own.type === 'F32' ? tensor(own.shape, own.values, type) : own] as const,
  )
  const picture = { width: 40, height: 40, pixels: Uint8Array.from({ length: 4800 }, (_, i) => i) }
  const scoreOf = async (path: string): Promise<number> => {
    const scorer = await ClipScorer.load(await openCheckpoint(path), 'cpu')
    const [score] = await scorer.scores([picture], 'a red apple')
    await scorer.release()
    return score!
  }
  const expected = await scoreOf(CLIP)
  expect(expected).toBeGreaterThan(1)
  for (const kept of [tensors, tensors.filter(([name]) => name !== 'logit_scale')]) {
    writeModel(join(folder, 'model.safetensors'), Object.fromEntries(kept))
    expect(Math.abs((await scoreOf(folder)) - expected)).toBeLessThan(1)
  }
})
