import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { calibratedLayers, calibrate, type CalibrateOptions } from '../../../../src-main/engine/calibrate/calibrate'
import { calibratedModel } from '../../../../src-main/engine/merge/plan/calibration/calibrated-models'
import { openCalibration } from '../../../../src-main/engine/merge/plan/calibration/calibration-file'
import { layerGroups, passBytes } from '../../../../src-main/engine/calibrate/gather'
import { dataSource, promptSource } from '../../../../src-main/engine/calibrate/sources'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { readFloats } from '../../../../src-main/engine/checkpoint/containers/stored-values'
import { readEvaluationSet } from '../../../../src-main/engine/evaluate/data/evaluation-set'
import { family, prompts } from '../../demo-family'
import { sha256, temporaryFolder } from '../merge/models'

const base = await openCheckpoint(family.base.path)
const specialist = await openCheckpoint(family.specialists[0]!.path)
const set = await readEvaluationSet(family.evaluation)
const pictures = set.domains[0]!.pictures.slice(0, 2).map((picture, index) => ({ picture, index }))
const chosen = [{ name: set.domains[0]!.name, pictures }]
const layers = calibratedLayers(specialist)

const onData = (seed = 0, signal?: AbortSignal) => ({
  name: 'one',
  checkpoint: specialist,
  ...dataSource(chosen, { seed, trainTimesteps: 1000, ...(signal && { signal }) }, async () => ({ set, chosen })),
})
const options = (path: string): CalibrateOptions => ({ path, base, device: 'cpu', samples: 12, seed: 3 })

describe('a calibration', () => {
  it('has at most S columns of every layer and says what they are of', async () => {
    const path = join(temporaryFolder(), 'calibration.safetensors')
    const fractions: number[] = []
    const second = { name: 'two', checkpoint: base, ...promptSource(prompts.slice(0, 1), 5) }
    await calibrate([onData(), second], { ...options(path), onProgress: (fraction) => fractions.push(fraction) })
    const { record, columns } = await openCalibration(path)
    expect([...columns.keys()].sort()).toEqual(layers.map(({ module }) => module).sort())
    for (const { module, inputs } of layers)
      for (const tensor of columns.get(module)!) {
        expect(tensor!.shape).toEqual([12, inputs])
        expect(readFloats(tensor!).some((value) => value !== 0)).toBe(true)
      }
    expect(record.models.map(({ name, source }) => [name, source.kind])).toEqual([
      ['one', 'data'],
      ['two', 'prompts'],
    ])
    expect(
      calibratedModel(record, [sha256(join(family.specialists[0]!.path, 'diffusion_pytorch_model.safetensors'))]),
    ).toBe(0)
    expect(calibratedModel(record, ['0'.repeat(64)])).toBe(-1)
    expect(fractions.every((fraction, i) => fraction >= (fractions[i - 1] ?? 0))).toBe(true)
    expect(fractions.at(-1)).toBe(1)
  })

  it('is the same for a seed, and another for another', async () => {
    const folder = temporaryFolder()
    const made: string[] = []
    for (const [index, seed] of [3, 3, 4].entries()) {
      const path = join(folder, `${index}.safetensors`)
      await calibrate([onData()], { ...options(path), seed })
      made.push(sha256(path))
    }
    expect(made[1]).toBe(made[0])
    expect(made[2]).not.toBe(made[0])
  })

  it('leaves nothing behind when it is cancelled, and replaces no foreign file', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'calibration.safetensors')
    writeFileSync(path, 'mine')
    await expect(calibrate([onData()], options(path))).rejects.toMatchObject({ kind: 'target' })
    const controller = new AbortController()
    const stopped = calibrate([onData(0, controller.signal)], {
      ...options(join(folder, 'other.safetensors')),
      signal: controller.signal,
      onProgress: () => controller.abort(),
    })
    await expect(stopped).rejects.toMatchObject({ kind: 'cancelled' })
    expect(readdirSync(folder)).toEqual(['calibration.safetensors'])
    expect(readFileSync(path, 'utf8')).toBe('mine')
  })

  it('gathers layers in groups that fit together, each layer once', () => {
    const many = Array.from({ length: 300 }, (_, i) => ({ module: String(i), inputs: 1000 + i }))
    const groups = layerGroups(many, 2048)
    expect(groups.flat()).toEqual(many)
    expect(groups.length).toBeGreaterThan(3)
    for (const group of groups)
      expect(group.reduce((sum, { inputs }) => sum + inputs * 2048 * 2, 0)).toBeLessThan(260e6)
    expect(layerGroups(many, 2048, passBytes(32e9))).toHaveLength(1 + Math.floor(groups.length / 8))
    expect(passBytes(0)).toBe(passBytes(3e9))
    expect(passBytes(5e9)).toBe(2 * passBytes(0))
  })

  it('of another kind of file is refused in words', async () => {
    const file = join(family.specialists[0]!.path, 'diffusion_pytorch_model.safetensors')
    await expect(openCalibration(file)).rejects.toMatchObject({ kind: 'malformed' })
  })
})
