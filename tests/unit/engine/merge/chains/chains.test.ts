import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Project } from '../../../../../src-main/contract/document/project'
import { TensorReader } from '../../../../../src-main/engine/checkpoint/containers/tensor-reader'
import { BYTES_PER_ELEMENT, elementCount } from '../../../../../src-main/engine/tensor/element-type'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { computeLayersIn } from '../../../../../src-main/engine/merge/chains/layer-thread'
import { openModel, planMerge } from '../../../../../src-main/engine/merge/open-model'
import { METHOD_NAMES } from '../../../../../src-main/contract/document/project'
import { methodNamed } from '../../../../../src-main/engine/merge/methods/index'
import { BuiltCli } from '../../../cli/built-cli'
import { ADAPTERS, BASE } from '../../adapters/adapter-models'
import { merge, projectOf, sha256, temporaryFolder } from '../models'

const OWN_BASE = resolve(BASE)
const LORA = resolve('tests/golden/lora/sd1-kohya.safetensors')
/** Models of this base, each as an adapter makes it: smaller than the demo family's. */
const made = mkdtempSync(join(tmpdir(), 'featurefusion-chains-'))
const [FIRST, SECOND] = [join(made, 'first'), join(made, 'second')]
const ALL_PARTS = { include: ['unet', 'text_encoder', 'vae'] }
const SLOW = 120_000

let cli: BuiltCli
beforeAll(async () => {
  cli = await BuiltCli.build()
  computeLayersIn(cli.workerFile)
  await merge(projectOf([OWN_BASE, LORA], { name: 'soup' }), FIRST)
  await merge(projectOf([OWN_BASE, resolve(ADAPTERS, 'sd1-oft.safetensors')], { name: 'soup' }), SECOND)
})
afterAll(() => {
  cli.remove()
  rmSync(made, { recursive: true })
})

function save(path: string, project: Project): string {
  writeFileSync(path, JSON.stringify(project))
  return path
}

/** All tensors of a model by name: type, shape, and a hash of their bytes. */
async function digestsOf(path: string): Promise<Record<string, string>> {
  const { components, files } = await openModel(path)
  const digests: Record<string, string> = {}
  const reader = new TensorReader(files)
  for (const [component, { tensors }] of components)
    for (const { name, shape, stored, start } of tensors.values()) {
      const bytes = new Uint8Array(elementCount(shape) * BYTES_PER_ELEMENT[stored.elementType])
      reader.read(stored, start, bytes)
      const hash = createHash('sha256').update(bytes).digest('hex')
      digests[`${component}/${name}`] = `${stored.elementType} ${shape.join()} ${hash}`
    }
  reader.close()
  return digests
}

/**
 * Merges `outer` with the inner project as a model, and again with the file that the inner project writes.
 * @returns paths of both results
 */
async function bothWays(
  inner: Project,
  outer: (model: string) => Project,
): Promise<{ chained: string; stepwise: string; written: string; project: string }> {
  const folder = temporaryFolder()
  const project = save(join(folder, 'inner.fusion.json'), inner)
  const written = (await merge(inner, join(folder, 'inner.safetensors'))).path
  const chained = (await merge(outer(project), join(folder, 'chained.safetensors'))).path
  const stepwise = (await merge(outer(written), join(folder, 'stepwise.safetensors'))).path
  return { chained, stepwise, written, project }
}

const SINGLE = { layout: 'single-file', dtype: 'fp32' }
const soupWith = (model: string): Project => projectOf([OWN_BASE, model, SECOND], { name: 'soup' }, SINGLE)

describe('a project as a model', () => {
  it.each(METHOD_NAMES.filter((name) => methodNamed(name).needs === null))(
    'holds what its export by %s holds, bit by bit',
    async (name) => {
      const most = methodNamed(name).specialists.most
      const inner = projectOf([OWN_BASE, FIRST, SECOND].slice(0, most + 1), { name }, SINGLE)
      const folder = temporaryFolder()
      const project = save(join(folder, 'inner.fusion.json'), inner)
      const { path: written } = await merge(inner, join(folder, 'inner.safetensors'))
      expect(await digestsOf(project)).toEqual(await digestsOf(written))
    },
    SLOW,
  )

  it.each(['ties', 'featurefusion', 'iso-c'])(
    'takes part in a merge as its export by %s does',
    async (name) => {
      const { chained, stepwise } = await bothWays(projectOf([OWN_BASE, FIRST, SECOND], { name }, SINGLE), soupWith)
      expect(await digestsOf(chained)).toEqual(await digestsOf(stepwise))
    },
    SLOW,
  )

  it.each(['same', 'fp16', 'bf16', 'fp8', 'fp8-scaled'])(
    'is rounded to its own element type: %s',
    async (dtype) => {
      const inner = projectOf([OWN_BASE, FIRST], { name: 'ties' }, { layout: 'single-file', dtype })
      const { chained, stepwise, written, project } = await bothWays(inner, soupWith)
      expect(await digestsOf(project)).toEqual(await digestsOf(written))
      expect(await digestsOf(chained)).toEqual(await digestsOf(stepwise))
    },
    SLOW,
  )

  it.each(['soup', 'ties', 'featurefusion'])(
    'is a base by %s, and gives the same file as its export',
    async (name) => {
      const inner = projectOf([OWN_BASE, FIRST], { name: 'featurefusion' }, { layout: 'single-file', dtype: 'fp16' })
      const outer = (model: string) => projectOf([model, SECOND], { name })
      const { chained, stepwise } = await bothWays(inner, outer)
      const [one, other] = [await openCheckpoint(chained), await openCheckpoint(stepwise)]
      expect(one.files[0]!.size).not.toBe(0)
      expect(
        [...one.components.get('unet')!.tensors.values()].map(({ stored: { name, shape } }) => [name, shape]),
      ).toEqual([...other.components.get('unet')!.tensors.values()].map(({ stored: { name, shape } }) => [name, shape]))
      expect(await digestsOf(chained)).toEqual(await digestsOf(stepwise))
    },
    SLOW,
  )

  it(
    'has all parts of a model, with adapters in it',
    async () => {
      const inner = projectOf(
        [resolve(BASE), LORA],
        { name: 'featurefusion' },
        { ...SINGLE, include: ['unet', 'text_encoder'] },
      )
      const outer = (model: string): Project =>
        projectOf([resolve(BASE), model], { name: 'soup' }, { ...SINGLE, ...ALL_PARTS })
      const { chained, stepwise } = await bothWays(inner, outer)
      expect(await digestsOf(chained)).toEqual(await digestsOf(stepwise))
    },
    SLOW,
  )

  it(
    'can be inside another, with an adapter in it, in folders of their own',
    async () => {
      const folder = temporaryFolder()
      mkdirSync(join(folder, 'deep'))
      const methods = [{ name: 'soup' }, { name: 'ties' }]
      const deepest = projectOf([resolve(BASE), LORA], methods[0], { ...SINGLE, include: ['unet', 'text_encoder'] })
      save(join(folder, 'deep', 'deepest.fusion.json'), deepest)
      const oft = resolve(ADAPTERS, 'sd1-oft.safetensors')
      const middle = projectOf(['deepest.fusion.json', oft], methods[1], SINGLE)
      save(join(folder, 'deep', 'middle.fusion.json'), middle)
      const outer = projectOf([resolve(BASE), join(folder, 'deep', 'middle.fusion.json')], { name: 'featurefusion' })
      const chained = await merge(outer, join(folder, 'chained'))

      const first = await merge(deepest, join(folder, 'first.safetensors'))
      const second = await merge(projectOf([first.path, oft], methods[1], SINGLE), join(folder, 'second.safetensors'))
      const third = await merge(
        projectOf([resolve(BASE), second.path], { name: 'featurefusion' }),
        join(folder, 'third'),
      )
      expect(await digestsOf(chained.path)).toEqual(await digestsOf(third.path))
    },
    SLOW,
  )

  it(
    'gives the same file on threads',
    async () => {
      const folder = temporaryFolder()
      const inner = save(
        join(folder, 'inner.fusion.json'),
        projectOf([OWN_BASE, FIRST], { name: 'featurefusion' }, { layout: 'single-file' }),
      )
      const outer = projectOf([OWN_BASE, inner, SECOND], { name: 'ties' })
      await merge(outer, join(folder, 'one'))
      await merge(outer, join(folder, 'threads'), { workerFile: cli.workerFile, threads: 2 })
      const file = join('unet', 'diffusion_pytorch_model.safetensors')
      expect(sha256(join(folder, 'threads', file))).toBe(sha256(join(folder, 'one', file)))
    },
    SLOW,
  )

  it(
    'has its own recipe in the recipe of the merge',
    async () => {
      const folder = temporaryFolder()
      const inner = save(join(folder, 'inner.fusion.json'), projectOf([OWN_BASE, FIRST], { name: 'ties' }))
      const { recipe } = await merge(projectOf([OWN_BASE, inner], { name: 'soup' }), join(folder, 'out'))
      expect(recipe.models[1]).toMatchObject({
        recipe: { method: 'ties', models: [{ name: 'model-0' }, { name: 'model-1' }] },
      })
    },
    SLOW,
  )
})

describe('projects that are refused as models', () => {
  const refusal = async (project: string): Promise<unknown> =>
    planMerge(projectOf([OWN_BASE, project], { name: 'soup' })).then(
      () => null,
      (error: unknown) => error,
    )

  it('one that is made from itself', async () => {
    const folder = temporaryFolder()
    const [one, other] = [join(folder, 'one.fusion.json'), join(folder, 'other.fusion.json')]
    save(one, projectOf([OWN_BASE, 'other.fusion.json']))
    save(other, projectOf([OWN_BASE, './one.fusion.json']))
    expect(await refusal(one)).toMatchObject({
      kind: 'validation',
      message: `In ${other}: ${one} is made from itself.`,
    })
  })

  it('too many inside one another, and too many in all', async () => {
    const folder = temporaryFolder()
    const path = (level: number): string => join(folder, `${level}.fusion.json`)
    save(path(0), projectOf([OWN_BASE, FIRST], { name: 'soup' }))
    for (let level = 1; level <= 9; level++) save(path(level), projectOf([OWN_BASE, path(level - 1)], { name: 'soup' }))
    expect(await refusal(path(7))).toBeNull()
    expect(await refusal(path(9))).toMatchObject({ kind: 'validation' })
    // The same merges named again and again would be 4^7 of them.
    for (let level = 1; level <= 7; level++) {
      const copies = [0, 1, 2, 3].map((copy) => join(folder, `${level - 1}-${copy}.fusion.json`))
      copies.forEach((copy) => save(copy, projectOf([OWN_BASE, path(level - 1)], { name: 'soup' })))
      save(path(level), projectOf([OWN_BASE, ...copies], { name: 'soup' }))
    }
    expect(await refusal(path(3))).toMatchObject({ kind: 'validation', message: expect.stringMatching(/too many/) })
  })

  it('one whose files are not there, or which is damaged', async () => {
    const folder = temporaryFolder()
    const inner = save(join(folder, 'inner.fusion.json'), projectOf([OWN_BASE, 'gone.safetensors'], { name: 'soup' }))
    expect(await refusal(inner)).toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('gone.safetensors'),
    })
    writeFileSync(inner, '{"format":')
    expect(await refusal(inner)).toMatchObject({ kind: 'malformed', message: expect.stringContaining(inner) })
  })

  it('one that needs real inputs, or keeps contributions', async () => {
    const folder = temporaryFolder()
    const inner = save(join(folder, 'inner.fusion.json'), projectOf([OWN_BASE, FIRST], { reuse: true }))
    expect(await refusal(inner)).toMatchObject({ kind: 'unsupported', hint: expect.stringMatching(/reuse/) })
  })
})
