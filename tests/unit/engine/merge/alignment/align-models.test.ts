import { copyFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { forecastContributions } from '../../../../../src-main/engine/merge/contributions/contributions'
import { planMerge } from '../../../../../src-main/engine/merge/open-model'
import { noise } from '../../tensor/inputs'
import { merge, projectOf, readModel, temporaryFolder, tensor, writeModel } from '../models'
import { contents, shuffled } from './shuffled-units'

const BASE = resolve('tests/golden/checkpoints/base')
const LORA = 'tests/golden/lora/sd1-kohya.safetensors'
const WEIGHTS = 'diffusion_pytorch_model.safetensors'

/** The base's UNet with its hidden units in other places. @returns its folder */
async function shuffledBase(folder: string): Promise<string> {
  const unet = (await openCheckpoint(BASE)).components.get('unet')!
  const tensors = [...contents(shuffled(unet))].map(([name, bytes]) => {
    const { shape, stored } = unet.tensors.get(name)!
    return [name, { type: stored.elementType, shape, bytes }] as const
  })
  writeModel(join(folder, 'shuffled', WEIGHTS), Object.fromEntries(tensors))
  copyFileSync(join(BASE, 'config.json'), join(folder, 'shuffled', 'config.json'))
  return join(folder, 'shuffled')
}

/** The base as training on top of it leaves it: all weights a little changed, none moved. */
async function fineTune(folder: string): Promise<string> {
  const tensors = [...(await readModel(join(BASE, WEIGHTS)))].map(([name, { shape, values }], index) => {
    const change = noise(values.length, index)
    return [
      name,
      tensor(
        shape,
        values.map((value, at) => value + 0.02 * Math.abs(value) * change[at]!),
      ),
    ] as const
  })
  writeModel(join(folder, 'tuned', WEIGHTS), Object.fromEntries(tensors))
  copyFileSync(join(BASE, 'config.json'), join(folder, 'tuned', 'config.json'))
  return join(folder, 'tuned')
}

const half = { name: 'weighted-sum', align: true } as const

describe('aligned specialists', () => {
  it('are averaged unit by unit: a shuffled copy of the base and the base give the base', async () => {
    const folder = temporaryFolder()
    const other = await shuffledBase(folder)
    const project = projectOf([BASE, { path: other, weight: 0.5 }], half)
    await merge(project, join(folder, 'aligned'))
    const [before, after] = [await readModel(join(BASE, WEIGHTS)), await readModel(join(folder, 'aligned', WEIGHTS))]
    for (const [name, { values }] of before) expect(after.get(name)!.values, name).toEqual(values)
  })

  it('say how many units change places, of every kind', async () => {
    const other = await shuffledBase(temporaryFolder())
    const heard: number[] = []
    const { warnings } = await planMerge(projectOf([BASE, other], half), {
      onAligning: (_, fraction) => heard.push(fraction),
    })
    expect(warnings).toContainEqual(
      expect.stringMatching(
        /^model-1: hidden units that change places to fit model-0: [\d,]+ of [\d,]+ in feed-forward layers, [\d,]+ of [\d,]+ in attention heads, [\d,]+ of [\d,]+ in the time embedding, [\d,]+ of [\d,]+ in resnets .*\. By itself it computes what it did\.$/,
      ),
    )
    expect(heard.at(-1)).toBe(1)
    expect(heard).toEqual([...heard].sort((a, b) => a - b))
  })

  it('are left as they are where they were trained from the base, and that is said', async () => {
    const folder = temporaryFolder()
    const { warnings, models } = await planMerge(projectOf([BASE, await fineTune(folder)], half))
    expect(warnings).toContain(
      'model-1 fits model-0 as it is: none of its hidden units changes places. Fine-tunes of one base need no alignment.',
    )
    const { tensors } = models[1]!.checkpoint.components.get('unet')!
    expect([...tensors.values()].every(({ stored }) => !stored.permuted)).toBe(true)
  })

  it('are no adapters, which fit their base', async () => {
    const { warnings } = await planMerge(projectOf(['tests/golden/sd1/pipeline', LORA], half))
    expect(warnings).toContain('model-1 is an adapter, whose changes fit the base as it is: it is not aligned.')
  })

  it('are the same in a merge inside another merge as in its export', async () => {
    const folder = temporaryFolder()
    const inner = projectOf([BASE, { path: await shuffledBase(folder), weight: 0.3 }], half)
    const path = join(folder, 'inner.fusion.json')
    writeFileSync(path, JSON.stringify(inner))
    await merge(inner, join(folder, 'inner'))
    const outer = (other: string) => projectOf([BASE, { path: other, weight: 0.6 }], { name: 'weighted-sum' })
    await merge(outer(path), join(folder, 'of-project'))
    await merge(outer(join(folder, 'inner')), join(folder, 'of-export'))
    const [one, two] = await Promise.all(
      ['of-project', 'of-export'].map((name) => readModel(join(folder, name, WEIGHTS))),
    )
    for (const [name, { bytes }] of one!) expect(two!.get(name)!.bytes, name).toEqual(bytes)
  })

  it('have other contributions than they have as their files are', async () => {
    const folder = temporaryFolder()
    const project = projectOf([BASE, await shuffledBase(folder)], { name: 'featurefusion', reuse: true })
    const options = { cacheFolder: join(folder, 'cache'), provider: 'cpu' } as const
    await merge(project, join(folder, 'plain'), options)
    const plain = await forecastContributions(await planMerge(project), options)
    expect(plain.missingBytes).toBe(0)
    const aligned = await planMerge({ ...project, method: { ...project.method, align: true } })
    expect((await forecastContributions(aligned, options)).missingBytes).toBeGreaterThan(0)
  })

  it('cannot be merged by what was learned of them before they were aligned', async () => {
    const other = await shuffledBase(temporaryFolder())
    const project = projectOf([BASE, other], { name: 'feature-regression', align: true })
    await expect(planMerge(project)).rejects.toThrow(/cannot align its models/)
  })
})
