import { readdirSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NORMALISERS, type Project } from '../../../../../src-main/contract/document/project'
import { readSafetensors } from '../../../../../src-main/engine/checkpoint/containers/safetensors'
import { CONTRIBUTIONS_FOLDER } from '../../../../../src-main/engine/merge/contributions/cache-space'
import { forecastContributions } from '../../../../../src-main/engine/merge/contributions/contributions'
import { planMerge } from '../../../../../src-main/engine/merge/open-model'
import { hashSources } from '../../../../../src-main/engine/merge/plan/recipe'
import { noise } from '../../tensor/inputs'
import { merge, projectOf, readModel, sha256, temporaryFolder, tensor, writeModel } from '../models'

const ROWS = 150
const INPUTS = 90
const WEIGHT = 'a.proj.weight'

interface Family {
  place: string
  paths: string[]
  cacheFolder: string
}

/** @param turned rows of the first specialist that are another row of the base: entries off its own rows pass */
function family({ turned = false, drift = 0.05 } = {}): Family {
  const place = temporaryFolder()
  const base = noise(ROWS * INPUTS, 1)
  const paths = Array.from({ length: 4 }, (_, m) => {
    const change = noise(ROWS * INPUTS, 10 + m)
    const values = m === 0 ? base : base.map((value, i) => value + drift * change[i]!)
    values.fill(0, 5 * INPUTS, 6 * INPUTS) // a dead row
    if (m === 1 && turned) values.copyWithin(20 * INPUTS, 40 * INPUTS, 41 * INPUTS)
    return writeModel(join(place, `m${m}.safetensors`), {
      [WEIGHT]: tensor([ROWS, INPUTS], values),
      'a.proj.bias': tensor([ROWS], noise(ROWS, 20 + m)),
    })
  })
  return { place, paths, cacheFolder: join(place, 'cache') }
}

const kept = (project: Project): Project => ({ ...project, method: { ...project.method, reuse: true } })

function filesOf({ cacheFolder }: Family): string[] {
  const folder = join(cacheFolder, CONTRIBUTIONS_FOLDER)
  return readdirSync(folder)
    .filter((name) => name.endsWith('.safetensors'))
    .map((name) => join(folder, name))
}

/** How many files of contributions hold differences. */
async function differing(family: Family): Promise<number> {
  const files = await Promise.all(filesOf(family).map(readSafetensors))
  return files.filter(({ tensors }) => tensors.some(({ name }) => name === WEIGHT)).length
}

/** Merges directly and from contributions, and compares value by value. */
async function expectDirect(family: Family, project: Project, precision: number): Promise<void> {
  const { place, cacheFolder } = family
  const [direct, reused] = [join(place, 'direct.safetensors'), join(place, 'reused.safetensors')]
  const expected = await merge(project, direct, { overwrite: true })
  const found = await merge(kept(project), reused, { overwrite: true, cacheFolder })
  const [ours, theirs] = [await readModel(reused), await readModel(direct)]
  for (const [name, { values }] of theirs) {
    values.forEach((value, i) => {
      const difference = Math.abs(ours.get(name)!.values[i]! - value)
      if (difference > precision * Math.max(1, Math.abs(value)))
        throw new Error(`${name}[${i}] differs by ${difference}`)
    })
  }
  const [report, expectedReport] = [found.layers[0]!, expected.layers[0]!]
  expect(report.normRatio).toBeCloseTo(expectedReport.normRatio, 6)
  expect(report.offOwnShare).toBeCloseTo(expectedReport.offOwnShare, 9)
  report.shares.forEach((share, m) => expect(share).toBeCloseTo(expectedReport.shares[m]!, 6))
}

describe('contributions of models whose own rows are all that takes part', () => {
  it.each(NORMALISERS)('are coefficients alone, and give the direct merge in float32: %s', async (normaliser) => {
    const models = family()
    await fc.assert(
      fc.asyncProperty(
        fc
          .array(fc.constantFrom(0, 0.25, 1, 3), { minLength: 4, maxLength: 4 })
          .filter((all) => all.some((w) => w > 0)),
        async (weights) => {
          const entries = models.paths.map((path, m) => ({ path, weight: weights[m]! }))
          await expectDirect(models, projectOf(entries, { normaliser, threshold: 0.9 }), 2 ** -23)
        },
      ),
      { numRuns: 4 },
    )
    expect(await differing(models)).toBe(0)
  })

  it('stand beside the differences of a model with other rows', async () => {
    const models = family({ turned: true })
    const entries = models.paths.map((path, m) => ({ path, weight: [1, 0.5, 2, 0.25][m]! }))
    await expectDirect(models, projectOf(entries), 2 ** -12)
    expect(await differing(models)).toBe(1)
    await expectDirect(models, projectOf([{ ...entries[0]!, weight: 0 }, ...entries.slice(1)]), 2 ** -12)
  })

  it('are differences where no products can be left out', async () => {
    const models = family()
    await expectDirect(models, projectOf(models.paths, { threshold: 0 }), 2 ** -10)
    expect(await differing(models)).toBe(4)
  })

  it('are forecast as what they take', async () => {
    const models = family()
    const { cacheFolder, paths } = models
    const plan = await planMerge(projectOf(paths, { reuse: true }))
    const forecast = () => forecastContributions(plan, { cacheFolder, provider: 'cpu' })
    const before = await forecast()
    await hashSources(plan, { cacheFolder })
    await merge(projectOf(paths, { reuse: true }), join(models.place, 'a.safetensors'), { cacheFolder })
    const bytes = filesOf(models).reduce((sum, path) => sum + statSync(path).size, 0)
    expect(before).toEqual({ bytes, missingBytes: bytes })
    expect(await forecast()).toEqual({ bytes, missingBytes: 0 })
  })

  it('that are not whole are computed anew', async () => {
    const models = family()
    const { cacheFolder, place, paths } = models
    const run = (out: string) => merge(projectOf(paths, { reuse: true }), join(place, out), { cacheFolder })
    await run('a.safetensors')
    const [first] = filesOf(models)
    truncateSync(first!, statSync(first!).size - 1)
    await run('b.safetensors')
    expect(sha256(join(place, 'a.safetensors'))).toBe(sha256(join(place, 'b.safetensors')))
  })
})
