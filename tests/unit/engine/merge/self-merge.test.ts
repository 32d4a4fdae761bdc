import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { MethodName } from '../../../../src-main/contract/document/project'
import { noiseWarnings } from '../../../../src-main/engine/merge/verdict'
import { merge, projectOf, readModel, temporaryFolder, tensor, writeModel } from './models'

const FILE = 'tests/golden/layouts/sd1-ldm.safetensors'

/** Merges a file of float16 with a copy of itself. @returns the largest difference in steps of float16, and its tensor */
async function selfMerge(method: MethodName, weight: number): Promise<{ steps: number; name: string }> {
  const folder = temporaryFolder()
  const half = Object.fromEntries(
    // Without the averages of training, which a merge leaves out.
    [...(await readModel(FILE))]
      .filter(([name]) => !name.startsWith('model_ema.'))
      .map(([name, one]) => [name, one.type === 'F32' ? tensor(one.shape, one.values, 'F16') : one]),
  )
  const path = writeModel(join(folder, 'a.safetensors'), half)
  copyFileSync(path, join(folder, 'b.safetensors'))
  const project = projectOf(
    [path, { path: join(folder, 'b.safetensors'), weight }],
    { name: method },
    { include: ['unet', 'text_encoder', 'vae'] },
  )
  const out = join(folder, 'out.safetensors')
  const { layers } = await merge(project, out)
  for (const warning of noiseWarnings(layers, project.method)) expect(warning).toMatch(/are averaged/)
  const [before, after] = [await readModel(path), await readModel(out)]
  let worst = { steps: 0, name: '' }
  for (const [name, { values, type }] of before) {
    if (type !== 'F16') continue
    const merged = after.get(name)!.values
    values.forEach((value, at) => {
      const step = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(value)))) - 10)
      const steps = Math.abs(merged[at]! - value) / step
      if (steps > worst.steps) worst = { steps, name }
    })
  }
  return worst
}

it.each([0, 0.3, 0.7, 1, 1.5])(
  'a weighted sum of a model with itself is itself, bit for bit (weight %d)',
  async (weight) => {
    expect(await selfMerge('weighted-sum', weight)).toEqual({ steps: 0, name: '' })
  },
)

it.each([0.3, 0.7, 1])('FeatureFusion of a model with itself is itself within one step (weight %d)', async (weight) => {
  expect((await selfMerge('featurefusion', weight)).steps).toBeLessThanOrEqual(1)
})
