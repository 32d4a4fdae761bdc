import { cpSync, existsSync, readdirSync, readlinkSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Project } from '../../../../src-main/contract/document/project'
import { buildUnet } from '../../../../src-main/engine/architecture/unet'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { ensureContributions } from '../../../../src-main/engine/merge/contributions/contributions'
import { LiveWeights } from '../../../../src-main/engine/merge/live-weights'
import { planMerge } from '../../../../src-main/engine/merge/open-model'
import { hashSources } from '../../../../src-main/engine/merge/plan/recipe'
import { float8Values } from '../../../../src-main/engine/tensor/convert'
import { FloatEncoder } from '../../../../src-main/engine/tensor/float-encoder'
import type { FloatType } from '../../../../src-main/engine/tensor/element-type'
import { family } from '../../demo-family'
import { merge, projectOf, readModel, temporaryFolder, type ReadTensor } from './models'

const base = await openCheckpoint(family.base.path)
const unet = base.components.get('unet')!
const inputs = buildUnet(unet.config!, unet.tensors, {
  computeType: 'F32',
  weights: 'inputs',
  attention: 1,
}).weightInputs
const FILE = 'unet/diffusion_pytorch_model.safetensors'
const GAINS = [{ pattern: 'attentions.*.proj_out', weight: 0.8 }]
const SPECIALISTS = family.specialists.slice(0, 3)

function projectWith(
  weights: readonly Record<string, unknown>[],
  method: Record<string, unknown>,
  output: Record<string, unknown> = {},
): Project {
  const specialists = SPECIALISTS.map(({ path }, index) => ({ path, ...weights[index] }))
  return projectOf([family.base.path, ...specialists], { reuse: true, ...method }, output)
}

async function contributionsOf(project: Project, cacheFolder: string) {
  const plan = await planMerge(project)
  if (plan.method.kind !== 'fusion') return { plan, contributions: null }
  const options = { cacheFolder, provider: 'cpu' as const, hashes: await hashSources(plan, {}) }
  return { plan, contributions: await ensureContributions(plan, options) }
}

const encoder = new FloatEncoder()

/** Names of tensors whose bytes differ from those of the exported file, both as the export stores them. */
function differing(live: LiveWeights, exported: ReadonlyMap<string, ReadTensor>): string[] {
  return Object.entries(live.tensors).flatMap(([name, { data }]) => {
    const { type, bytes } = exported.get(name)!
    const scale = exported.get(name.replace(/weight$/, 'scale_weight'))?.values[0]
    if (type === 'F8_E4M3' && scale !== undefined) {
      const meanings = float8Values(type)
      return data.every((value, at) => value === Math.fround(meanings[bytes[at]!]! * scale)) ? [] : [name]
    }
    const own = encoded(data, type as FloatType)
    return own.equals(bytes) ? [] : [name]
  })
}

function encoded(values: Float32Array, type: FloatType): Buffer {
  const parts: Buffer[] = []
  encoder.encode(values, type, (_, bytes) => parts.push(Buffer.from(bytes)))
  return Buffer.concat(parts)
}

describe('live weights', () => {
  it.each([
    [{ name: 'featurefusion' }, 'same'],
    [{ name: 'featurefusion', normaliser: 'abs', threshold: 0.5, gains: GAINS }, 'bf16'],
    [{ name: 'soup' }, 'fp16'],
    [{ name: 'ties', density: 0.3, gains: GAINS }, 'fp32'],
    [{ name: 'soup' }, 'fp8'],
    [{ name: 'featurefusion' }, 'fp8-scaled'],
  ] as const)(
    'are the tensors of the exported file: %o as %s',
    async (method, dtype) => {
      const place = temporaryFolder()
      const cacheFolder = join(place, 'cache')
      const live = new LiveWeights(inputs)
      for (const weights of [[{ weight: 0.3 }], [{ weight: 2, blocks: { M00: 0.25 } }, { enabled: false }]]) {
        const project = projectWith(weights, method, { dtype })
        const { plan, contributions } = await contributionsOf(project, cacheFolder)
        const { summed, tensors } = await live.update(plan, contributions)
        expect(summed).toBe(tensors)
        await merge(project, join(place, 'export'), { cacheFolder, overwrite: true })
        expect(differing(live, await readModel(join(place, 'export', FILE)))).toEqual([])
        expect(await live.update(plan, contributions)).toMatchObject({ summed: 0 })
      }
    },
    120_000,
  )

  it('are summed again only where a weight changed, also after a cancel', async () => {
    const place = temporaryFolder()
    const cacheFolder = join(place, 'cache')
    const live = new LiveWeights(inputs)
    const first = await contributionsOf(projectWith([], {}), cacheFolder)
    await live.update(first.plan, first.contributions)
    const moved = await contributionsOf(projectWith([{ blocks: { M00: 0.5 } }], {}), cacheFolder)
    const { summed, tensors } = await live.update(moved.plan, moved.contributions)
    expect(summed).toBeGreaterThan(0)
    expect(summed).toBeLessThan(tensors / 2)

    const project = projectWith([{ weight: 0.1 }], {})
    const last = await contributionsOf(project, cacheFolder)
    const abort = new AbortController()
    const cancelled = live.update(last.plan, last.contributions, abort.signal)
    setTimeout(() => abort.abort(), 5)
    await cancelled.catch((error: unknown) => expect(error).toMatchObject({ kind: 'cancelled' }))
    await live.update(last.plan, last.contributions)
    await merge(project, join(place, 'export'), { cacheFolder })
    expect(differing(live, await readModel(join(place, 'export', FILE)))).toEqual([])
  }, 120_000)
})

it.runIf(existsSync('/proc/self/fd'))(
  'live weights keep files open until they are told to close them, and notice what replaces one',
  async () => {
    const place = temporaryFolder()
    const changing = join(place, 'unet')
    cpSync(SPECIALISTS[0]!.path, changing, { recursive: true })
    const project = projectOf([family.base.path, changing], { name: 'soup' })
    const openFiles = (): number =>
      readdirSync('/proc/self/fd').filter((descriptor) => {
        try {
          return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(realpathSync(changing))
        } catch {
          return false // that of the listing itself
        }
      }).length
    const live = new LiveWeights(inputs)
    await live.update(await planMerge(project), null)
    expect(openFiles()).toBe(1)
    cpSync(SPECIALISTS[1]!.path, changing, { recursive: true })
    await live.update(await planMerge(project), null)
    await merge(project, join(place, 'export'), {})
    expect(differing(live, await readModel(join(place, 'export', FILE)))).toEqual([])
    live.closeFiles()
    expect(openFiles()).toBe(0)
  },
)

it('live weights follow the strengths of an adapter', async () => {
  const path = 'tests/golden/sd1/pipeline'
  const adapter = 'tests/golden/lora/sd1-kohya.safetensors'
  const { config, tensors } = (await openCheckpoint(path)).components.get('unet')!
  const own = buildUnet(config!, tensors, { computeType: 'F32', weights: 'inputs', attention: 1 }).weightInputs
  const live = new LiveWeights(own)
  const update = async (unetStrength: number) => {
    const strengths = { unet: unetStrength, textEncoder: 1 }
    return live.update(await planMerge(projectOf([path, { path: adapter, strengths }], { name: 'soup' })), null)
  }
  await update(1)
  expect((await update(1)).summed).toBe(0)
  expect((await update(0.5)).summed).toBeGreaterThan(0)
})
