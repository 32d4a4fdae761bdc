import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { CalibrationRecord } from '../../../../../src-main/contract/document/calibration'
import { calibratedLayers } from '../../../../../src-main/engine/calibrate/calibrate'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { planMerge } from '../../../../../src-main/engine/merge/open-model'
import { CalibrationWriter } from '../../../../../src-main/engine/merge/plan/calibration/calibration-file'
import { noise } from '../../tensor/inputs'
import { merge, projectOf, readModel, sha256, temporaryFolder, tensor } from '../models'

const [BASE, STYLE] = ['base', 'style'].map((name) => resolve(`tests/golden/checkpoints/${name}`)) as [string, string]
const WEIGHTS = 'diffusion_pytorch_model.safetensors'
const SAMPLES = 60

/** A calibration file with inputs of one model's layers. */
async function calibrated(folder: string, model: string): Promise<string> {
  const path = join(folder, 'inputs.safetensors')
  const layers = calibratedLayers(await openCheckpoint(model))
  const record: CalibrationRecord = {
    format: 'featurefusion-calibration',
    version: 1,
    samples: SAMPLES,
    seed: 0,
    models: [
      {
        name: 'model-0',
        sha256: [sha256(join(model, WEIGHTS))],
        source: { kind: 'prompts', prompts: ['a'], steps: 1, guidance: 1, scheduler: 'ddim' },
      },
    ],
  }
  const writer = await CalibrationWriter.create(path, layers, record, false)
  layers.forEach(({ module, inputs }, index) => {
    const { bytes } = tensor([SAMPLES, inputs], noise(SAMPLES * inputs, index), 'F16')
    writer.add(0, { module, inputs, count: SAMPLES, bytes })
  })
  await writer.finish()
  return path
}

describe('a merge by ZipIt!', () => {
  it('of fine-tunes is about their average, and says which features are paired', async () => {
    const folder = temporaryFolder()
    const calibration = await calibrated(folder, BASE)
    const project = projectOf([BASE, STYLE], { name: 'zipit', calibration })
    const { warnings } = await planMerge(project)
    expect(warnings).toContainEqual(
      expect.stringMatching(/^Of [\d,]+ hidden features [\d,]+ are averaged with the one in/),
    )
    await merge(project, join(folder, 'zipped'))
    await merge(projectOf([BASE, STYLE], { name: 'soup' }), join(folder, 'soup'))
    const [zipped, soup] = await Promise.all(['zipped', 'soup'].map((name) => readModel(join(folder, name, WEIGHTS))))
    const square = (values: Float64Array): number => values.reduce((sum, value) => sum + value * value, 0)
    let [apart, whole] = [0, 0]
    for (const [name, { values }] of soup!) {
      apart += square(values.map((value, at) => value - zipped!.get(name)!.values[at]!))
      whole += square(values)
    }
    expect(apart).toBeGreaterThan(0)
    expect(Math.sqrt(apart / whole)).toBeLessThan(0.3)
  })

  it('averages place by place what lies deeper than it shall go, and says so', async () => {
    const calibration = await calibrated(temporaryFolder(), BASE)
    const { warnings, models } = await planMerge(projectOf([BASE, STYLE], { name: 'zipit', calibration, depth: 0 }))
    expect(warnings).toContainEqual(expect.stringContaining('No hidden layer is zipped'))
    for (const { checkpoint } of models)
      for (const { stored } of checkpoint.components.get('unet')!.tensors.values())
        expect(stored.combined).toBeUndefined()
    const half = await planMerge(projectOf([BASE, STYLE], { name: 'zipit', calibration, depth: 0.5 }))
    const zipped = [...half.models[0]!.checkpoint.components.get('unet')!.tensors.values()].filter(
      ({ stored }) => stored.combined,
    )
    expect(zipped.length).toBeGreaterThan(0)
    expect(zipped.some(({ name }) => name.startsWith('up_blocks'))).toBe(false)
  })

  it('says that weights are not used', async () => {
    const calibration = await calibrated(temporaryFolder(), BASE)
    const { warnings } = await planMerge(
      projectOf([BASE, { path: STYLE, weight: 0.5 }], { name: 'zipit', calibration }),
    )
    expect(warnings).toContain('ZipIt! counts both models the same: their weights are not used.')
  })

  it('is refused with inputs of another base, and with none', async () => {
    const calibration = await calibrated(temporaryFolder(), STYLE)
    const project = projectOf([BASE, STYLE], { name: 'zipit', calibration })
    await expect(planMerge(project)).rejects.toThrow(/has no inputs of model-0/)
    await expect(planMerge(projectOf([BASE, STYLE], { name: 'zipit' }))).rejects.toThrow(/takes real inputs/)
  })
})
