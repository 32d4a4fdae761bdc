import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, describe, it } from 'vitest'
import { CONTRIBUTIONS_FOLDER } from '../../../../../src-main/engine/merge/contributions/cache-space'
import type { MergeOptions } from '../../../../../src-main/engine/merge/run'
import { merge, projectOf, readModel, sha256, temporaryFolder } from '../models'
import { MODELS, writeRuns } from './recorded'

const FEW = { fitColumns: 24, fitRuns: 4, gramRidge: 0.1 }
const FILE = 'diffusion_pytorch_model.safetensors'

async function prepared(names = MODELS.map(({ name }) => name)) {
  const folder = temporaryFolder()
  const calibration = join(folder, 'calibration.safetensors')
  await writeRuns(calibration, names)
  const cacheFolder = join(folder, 'cache')
  const project = (method: Record<string, unknown>) => projectOf(MODELS, { ...FEW, calibration, ...method })
  const mergeTo = (name: string, method: Record<string, unknown>, options: Partial<MergeOptions> = {}) =>
    merge(project(method), join(folder, name), { cacheFolder, threads: 1, ...options })
  return { folder, cacheFolder, mergeTo, project }
}

describe.each(['regmean-plus-plus', 'drift-corrected'])('a merge by %s', (name) => {
  it('fits every layer of the denoiser, keeps what it fitted, and goes on where it was stopped', async () => {
    const { folder, cacheFolder, mergeTo } = await prepared()
    const whole = await mergeTo('whole', { name }, { cacheFolder: join(folder, 'other') })
    const layers = whole.regressions.map(({ layer }) => layer)
    expect(layers.length).toBeGreaterThan(20)
    for (const { columns, remaining } of whole.regressions) {
      expect(columns).toBeGreaterThan(0)
      expect(remaining).toBeLessThan(1.001)
    }
    expect(whole.recipe.settings).toMatchObject(FEW)

    const controller = new AbortController()
    const stopped = mergeTo(
      'stopped',
      { name },
      {
        signal: controller.signal,
        onProgress: (phase, fraction) => phase === 'fitting' && fraction > 0.4 && controller.abort(),
      },
    )
    await expect(stopped).rejects.toMatchObject({ kind: 'cancelled' })
    const [fitted] = readdirSync(join(cacheFolder, CONTRIBUTIONS_FOLDER))
    const sections = readdirSync(join(cacheFolder, CONTRIBUTIONS_FOLDER, fitted!)).length
    expect(sections).toBeGreaterThan(3)
    // Damage is found, and that section is fitted again.
    writeFileSync(join(cacheFolder, CONTRIBUTIONS_FOLDER, fitted!, '1.safetensors'), 'no')
    await mergeTo('continued', { name })
    expect(sha256(join(folder, 'continued', FILE))).toBe(sha256(join(folder, 'whole', FILE)))

    const phases = new Set<string>()
    await mergeTo('again', { name }, { onProgress: (phase) => phases.add(phase) })
    expect(phases).not.toContain('fitting')
    expect(sha256(join(folder, 'again', FILE))).toBe(sha256(join(folder, 'whole', FILE)))
  }, 120_000)
})

it('a strong ridge gives the plain average, also of biases and of what is not a matrix', async () => {
  const { folder, mergeTo } = await prepared()
  await mergeTo('fitted', { name: 'drift-corrected', gramRidge: 1e6 })
  await mergeTo('soup', { name: 'soup' })
  const [ours, plain] = [await readModel(join(folder, 'fitted', FILE)), await readModel(join(folder, 'soup', FILE))]
  for (const [name, { values }] of ours) {
    const expected = plain.get(name)!.values
    const off = values.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0)
    expect(off, name).toBeLessThan(1e-3)
  }
}, 120_000)

it('a base without runs only draws, and a specialist without runs is refused', async () => {
  const { mergeTo } = await prepared(['style', 'object'])
  const { regressions } = await mergeTo('merged', { name: 'regmean-plus-plus' })
  expect(Math.max(...regressions.map(({ columns }) => columns))).toBe(2 * FEW.fitColumns)
  const other = await prepared(['base', 'style'])
  await expect(other.mergeTo('merged', { name: 'regmean-plus-plus' })).rejects.toMatchObject({
    kind: 'incompatible',
    message: expect.stringContaining('object'),
  })
}, 120_000)
