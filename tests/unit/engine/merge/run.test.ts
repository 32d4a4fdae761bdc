import { appendFileSync, existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { METHOD_NAMES } from '../../../../src-main/contract/document/project'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { methodNamed } from '../../../../src-main/engine/merge/methods/index'
import { planMerge } from '../../../../src-main/engine/merge/open-model'
import { runMerge } from '../../../../src-main/engine/merge/run'
import { isFloatType, type FloatType } from '../../../../src-main/engine/tensor/element-type'
import { family } from '../../demo-family'
import { noise } from '../tensor/inputs'
import { merge, projectOf, readModel, sha256, temporaryFolder, tensor, writeModel, type TestTensor } from './models'

/** The demo's base and its first specialists. */
const demo = (count: number): string[] => [family.base, ...family.specialists].slice(0, count).map(({ path }) => path)

const UNET = 'unet/diffusion_pytorch_model.safetensors'

/** A file of no known architecture with a layer, a norm, an embedding, a count and an empty tensor. */
function model(seed: number, type: FloatType = 'F32', size = 1): Record<string, TestTensor> {
  return {
    'layer.weight': tensor([16 * size, 24], noise(16 * size * 24, seed), type),
    'layer.bias': tensor([16 * size], noise(16 * size, seed + 1), type),
    'norm.weight': tensor([24], noise(24, seed + 2), type),
    'embedding.weight': tensor([7, 5], noise(35, seed + 3), type),
    'embeddings.position_ids': {
      type: 'I64',
      shape: [1, 3],
      bytes: new Uint8Array(BigInt64Array.of(0n, 1n, 2n).buffer),
    },
    counts: { type: 'I32', shape: [2], bytes: new Uint8Array(8).map((_, i) => i + seed) },
    'empty.weight': tensor([0, 4], [], type),
    scale: tensor([], [seed], type),
  }
}

/** Not with toEqual, which takes a minute for a network. A folder's text encoder is written under the published names. */
async function expectSameTensors(path: string, expected: string): Promise<void> {
  const published = (name: string): string =>
    name.replace(/^(?=embeddings\.token|embeddings\.position_embedding|encoder\.|final_layer_norm\.)/, 'text_model.')
  const ours = await readModel(path)
  const stored = await readModel(expected)
  const inText = path.includes('text_encoder')
  const theirs = new Map([...stored].map(([name, tensor]) => [inText ? published(name) : name, tensor]))
  expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort())
  const different = [...ours].filter(([name, { type, shape, bytes }]) => {
    const other = theirs.get(name)!
    return type !== other.type || `${shape}` !== `${other.shape}` || !Buffer.from(bytes).equals(other.bytes)
  })
  expect(different.map(([name]) => name)).toEqual([])
}

describe('the demo family', () => {
  const kinds = new Map(
    METHOD_NAMES.map(methodNamed).flatMap((method) => (method.needs === null ? [[method.kind, method]] : [])),
  )
  // All of them merge the tiny family, in adapter-merge.test.ts.
  const methods = [...kinds.values()].map(({ name, specialists }) => [name, specialists] as const)

  it.each(methods)('%s: every tensor of the base is there, finite, of its type and shape', async (name, { most }) => {
    const out = join(temporaryFolder(), 'merged')
    await merge(projectOf(demo(Math.min(3, most + 1)), { name }), out)
    const base = await readModel(join(family.base.path, UNET))
    const result = await readModel(join(out, UNET))
    expect([...result.keys()].sort()).toEqual([...base.keys()].sort())
    for (const [tensorName, merged] of result) {
      const { type, shape } = merged
      expect({ type, shape }).toEqual({ type: base.get(tensorName)!.type, shape: base.get(tensorName)!.shape })
      expect(merged.values.every(Number.isFinite)).toBe(true)
    }
    // Cosine adds nothing where base and specialist are as similar as fine-tunes are.
    if (name !== 'cosine') expect(result.get('conv_in.weight')!.values).not.toEqual(base.get('conv_in.weight')!.values)
    for (const part of ['vae/diffusion_pytorch_model.safetensors', 'text_encoder/model.safetensors']) {
      await expectSameTensors(join(out, part), join(family.base.path, part))
    }
    expect((await openCheckpoint(out)).problems).toEqual([])
  })
})

describe('merging copies of the base', () => {
  it.each(['F16', 'BF16', 'F32', 'F64', 'F8_E5M2'] as const)(
    'by soup gives the base in %s, bit for bit',
    async (type) => {
      const folder = temporaryFolder()
      const paths = ['a', 'b', 'c'].map((name) => writeModel(join(folder, `${name}.safetensors`), model(1, type)))
      const weighted = paths.map((path, index) => ({ path, weight: [0.3, 1, 0.17][index]! }))
      const out = join(folder, 'out.safetensors')
      await merge(projectOf(weighted, { name: 'soup' }), out)
      await expectSameTensors(out, paths[0]!)
    },
  )

  it('of the demo by FeatureFusion gives the base within one step of float16', async () => {
    const folder = temporaryFolder()
    const file = join(family.base.path, UNET)
    const copies = ['x', 'y'].map((name) => {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'diffusion_pytorch_model.safetensors'), '')
      return join(folder, name, 'diffusion_pytorch_model.safetensors')
    })
    const base = await readModel(file)
    for (const copy of copies) writeModel(copy, Object.fromEntries(base))
    const { layers } = await merge(projectOf([file, ...copies]), join(folder, 'out.safetensors'))
    expect(new Set(layers.map(({ threshold }) => threshold))).toEqual(new Set([0.9]))
    for (const [name, { bytes, type }] of await readModel(join(folder, 'out.safetensors'))) {
      expect(type).toBe('F16')
      const [ours, theirs] = [new Int16Array(bytes.buffer), new Int16Array(base.get(name)!.bytes.buffer)]
      // Neighbouring values have neighbouring codes, apart from the two zeros.
      const furthest = ours.reduce((most, code, i) => {
        const same = ((code ^ theirs[i]!) & 0x7fff) === 0
        return Math.max(most, same ? 0 : Math.abs(code - theirs[i]!))
      }, 0)
      expect(`${name} ${furthest <= 1}`).toBe(`${name} true`)
    }
  })
})

describe('a merge', () => {
  it('of halves with equal weights does not depend on the order of specialists, bit for bit', async () => {
    const folder = temporaryFolder()
    const paths = [1, 2, 3, 4].map((seed) => writeModel(join(folder, `${seed}.safetensors`), model(seed, 'F16')))
    const digests: string[] = []
    for (const [run, order] of [
      [0, 1, 2, 3],
      [0, 3, 1, 2],
    ].entries()) {
      const out = join(folder, `out-${run}.safetensors`)
      await merge(
        projectOf(
          order.map((index) => paths[index]!),
          { name: 'soup' },
        ),
        out,
      )
      const tensors = await readModel(out)
      digests.push(Buffer.concat([...tensors.values()].map(({ bytes }) => bytes)).toString('hex'))
    }
    expect(digests[0]).toBe(digests[1])
  })

  it('copies integers, empty tensors and what it does not average from the base', async () => {
    const folder = temporaryFolder()
    const paths = [1, 2].map((seed) => writeModel(join(folder, `${seed}.safetensors`), model(seed)))
    const out = join(folder, 'out.safetensors')
    const { layers } = await merge(projectOf(paths), out)
    const [base, result] = [await readModel(paths[0]!), await readModel(out)]
    expect([...result.keys()]).toEqual([...base.keys()])
    for (const name of ['embeddings.position_ids', 'counts']) expect(result.get(name)).toEqual(base.get(name))
    expect(result.get('scale')!.values).toEqual(Float64Array.of(1.5))
    expect(layers.map(({ layer }) => layer)).toEqual(['layer.weight'])
  })

  it('keeps the markers of single files and every other extra but the EMA copies', async () => {
    const folder = temporaryFolder()
    const ldm = await readModel(resolve('tests/golden/layouts/sd1-ldm.safetensors'))
    const marked = (name: string, value: number): string =>
      writeModel(join(folder, name), {
        ...Object.fromEntries(ldm),
        v_pred: tensor([0], []),
        ztsnr: tensor([0], []),
        'model_ema.decay': tensor([], [value]),
        'some.thing.else': tensor([2], [value, value]),
      })
    const paths = [marked('a.safetensors', 1), marked('b.safetensors', 2)]
    const out = join(folder, 'out.safetensors')
    await merge(projectOf(paths, { name: 'soup' }, { dtype: 'fp16', include: ['unet', 'text_encoder', 'vae'] }), out)
    const [base, result] = [await readModel(paths[0]!), await readModel(out)]
    const kept = [...base.keys()].filter((name) => !name.startsWith('model_ema.'))
    expect([...result.keys()].sort()).toEqual(kept.sort())
    for (const name of ['v_pred', 'ztsnr', 'some.thing.else', 'betas', 'alphas_cumprod']) {
      expect(result.get(name)).toEqual(base.get(name))
    }
    const ids = [...base.keys()].find((name) => name.endsWith('position_ids'))
    if (ids) expect(result.get(ids)).toEqual(base.get(ids))
    expect((await openCheckpoint(out)).predictionType).toBe('v_prediction')
    const weight = result.get('model.diffusion_model.input_blocks.0.0.weight')!
    expect(weight.type).toBe('F16')
    expect([...result.values()].filter(({ type }) => isFloatType(type)).length).toBeGreaterThan(800)
  })

  it('reports what became infinite in half precision', async () => {
    const folder = temporaryFolder()
    const large = (seed: number): Record<string, TestTensor> => ({
      ...model(seed),
      'norm.weight': tensor([2], [70_000, 1]),
      'layer.bias': tensor([16], new Array<number>(16).fill(66_000)),
    })
    const paths = [1, 2].map((seed) => writeModel(join(folder, `${seed}.safetensors`), large(seed)))
    const soup = await merge(projectOf(paths, { name: 'soup' }, { dtype: 'fp16' }), join(folder, 'a.safetensors'))
    expect(soup.overflowed).toEqual(['layer.bias', 'norm.weight'])
    const fused = await merge(projectOf(paths, {}, { dtype: 'fp16' }), join(folder, 'b.safetensors'))
    expect(fused.overflowed).toEqual(['layer.weight', 'norm.weight'])
    const wide = await merge(projectOf(paths, {}, { dtype: 'bf16' }), join(folder, 'c.safetensors'))
    expect(wide.overflowed).toEqual([])
  })

  it.each(['soup', 'ties', 'featurefusion'] as const)('by %s stops at a NaN with file and tensor', async (name) => {
    for (const place of ['layer.weight', 'layer.bias', 'norm.weight']) {
      const folder = temporaryFolder()
      const good = writeModel(join(folder, 'good.safetensors'), model(1, 'F16'))
      const tensors = model(2, 'F16')
      const { bytes } = tensors[place]!
      bytes.set([0x00, 0x7c], bytes.byteLength - 2)
      const bad = writeModel(join(folder, 'bad.safetensors'), tensors)
      await expect(merge(projectOf([good, bad], { name }), join(folder, 'out.safetensors'))).rejects.toMatchObject({
        kind: 'not-finite',
        message: expect.stringMatching(new RegExp(`bad\\.safetensors .*${place.replace('.', '\\.')}`)),
      })
      expect(readdirSync(folder).sort()).toEqual(['bad.safetensors', 'good.safetensors'])
    }
  })

  it('notices a source that changes, before, while and after it is read', async () => {
    for (const change of [
      (path: string) => appendFileSync(path, 'x'),
      (path: string) => utimesSync(path, new Date(), new Date(Date.now() - 5000)),
    ]) {
      for (const phase of ['planned', 'merging'] as const) {
        const folder = temporaryFolder()
        const paths = [1, 2].map((seed) => writeModel(join(folder, `${seed}.safetensors`), model(seed)))
        const plan = await planMerge(projectOf(paths))
        if (phase === 'planned') change(paths[1]!)
        let changed = phase === 'planned'
        const run = runMerge(plan, {
          path: join(folder, 'out.safetensors'),
          onProgress: (now) => {
            if (changed || now !== phase) return
            changed = true
            change(paths[1]!)
          },
        })
        await expect(run).rejects.toMatchObject({ kind: 'source-changed', message: expect.stringContaining(paths[1]!) })
        expect(readdirSync(folder).sort()).toEqual(['1.safetensors', '2.safetensors'])
      }
    }
  })

  it('is cancelled without a trace, between tensors and between layers', async () => {
    for (const after of [0, 0.3, 0.8]) {
      const folder = temporaryFolder()
      const controller = new AbortController()
      const run = merge(projectOf(demo(3)), join(folder, 'out'), {
        signal: controller.signal,
        onProgress: (phase, fraction) => {
          if (phase === 'merging' && fraction >= after) controller.abort()
        },
      })
      await expect(run).rejects.toMatchObject({ kind: 'cancelled' })
      expect(readdirSync(folder)).toEqual([])
    }
  })

  it('tells its progress, never falling, up to the end', async () => {
    const seen: [string, number][] = []
    await merge(projectOf(demo(2)), join(temporaryFolder(), 'out'), {
      onProgress: (phase, fraction) => seen.push([phase, fraction]),
    })
    for (const phase of ['hashing', 'merging', 'flushing']) {
      const fractions = seen.filter(([name]) => name === phase).map(([, fraction]) => fraction)
      expect(fractions.every((fraction, i) => fraction >= (fractions[i - 1] ?? 0) && fraction <= 1)).toBe(true)
      expect(fractions.at(-1)).toBeCloseTo(1, 6)
    }
  })

  it('merges grouped and transposed layers that the project names, and records them', async () => {
    const folder = temporaryFolder()
    const paths = [1, 2].map((seed) => writeModel(join(folder, `${seed}.safetensors`), model(seed)))
    const layerKinds = [{ pattern: 'layer', groups: 4 }]
    const out = join(folder, 'out.safetensors')
    const { layers, recipe } = await merge(projectOf(paths, { layerKinds }), out)
    expect(layers.map(({ rows }) => rows)).toEqual([4, 4, 4, 4])
    expect(recipe.settings['layerKinds']).toMatchObject(layerKinds)
    const wrong = merge(projectOf(paths, { layerKinds: [{ pattern: 'layer', groups: 5 }] }), join(folder, 'wrong'))
    await expect(wrong).rejects.toMatchObject({ kind: 'validation', message: expect.stringContaining('layer.weight') })
  })

  it('gives the same bytes again, which nothing but the models and settings decides', async () => {
    const folder = temporaryFolder()
    const once = join(folder, 'once.safetensors')
    const again = join(folder, 'deeper', 'again.safetensors')
    const paths = [1, 2].map((seed) => writeModel(join(folder, `${seed}.safetensors`), model(seed)))
    await merge(projectOf(paths, { name: 'dare' }), once)
    await merge(projectOf(paths, { name: 'dare' }), again)
    expect(sha256(again)).toBe(sha256(once))
    await merge(projectOf(paths, { name: 'dare', seed: 1 }), again)
    expect(sha256(again)).not.toBe(sha256(once))
    expect(existsSync(join(folder, 'deeper', '.again.safetensors'))).toBe(false)
  })
})
