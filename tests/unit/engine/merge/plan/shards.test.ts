import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { planMerge } from '../../../../../src-main/engine/merge/open-model'
import { isTampered, verifyExport } from '../../../../../src-main/engine/merge/plan/export/verify-export'
import { merge, projectOf, readModel, sha256, temporaryFolder, type ReadTensor } from '../models'

const FOLDER = resolve('tests/golden/sdxl/pipeline')
const FILE = resolve('tests/golden/layouts/sdxl-ldm-fp16.safetensors')
const PARTS = ['unet', 'text_encoder', 'text_encoder_2', 'vae']

interface Index {
  metadata: { total_size: number }
  weight_map: Record<string, string>
}

const indexOf = (folder: string, stem: string): Index =>
  JSON.parse(readFileSync(join(folder, `${stem}.safetensors.index.json`), 'utf8')) as Index

/** All tensors of a folder's weights. */
async function tensorsOf(folder: string): Promise<Map<string, ReadTensor>> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.safetensors'))
  const all = await Promise.all(files.map((name) => readModel(join(folder, name))))
  return new Map(all.flatMap((tensors) => [...tensors]))
}

/** Names of the tensors that have other bytes in the one than in the other. */
function differing(one: ReadonlyMap<string, ReadTensor>, other: ReadonlyMap<string, ReadTensor>): string[] {
  return [...other].flatMap(([name, { bytes }]) => (Buffer.compare(one.get(name)!.bytes, bytes) === 0 ? [] : [name]))
}

it.each([
  ['same', 'soup'],
  ['fp8-scaled', 'soup'],
  ['same', 'featurefusion'],
] as const)('a folder is written in shards with an index, and read as it is without (%s, %s)', async (dtype, name) => {
  const place = temporaryFolder()
  const output = { layout: 'diffusers', dtype, include: PARTS } as const
  await merge(projectOf([FOLDER, FILE], { name }, output), join(place, 'whole'))
  const shardBytes = 100_000
  const sharded = join(place, 'sharded')
  await merge(projectOf([FOLDER, FILE], { name }, { ...output, shardBytes }), sharded)
  for (const [part, stem] of [
    ['unet', 'diffusion_pytorch_model'],
    ['text_encoder_2', 'model'],
  ] as const) {
    const folder = join(sharded, part)
    const names = readdirSync(folder)
      .filter((file) => file.endsWith('.safetensors'))
      .sort()
    expect(names.length).toBeGreaterThan(1)
    const count = String(names.length).padStart(5, '0')
    expect(names[0]).toBe(`${stem}-00001-of-${count}.safetensors`)
    const index = indexOf(folder, stem)
    const tensors = await tensorsOf(folder)
    expect(Object.keys(index.weight_map).sort()).toEqual([...tensors.keys()].sort())
    expect(Object.keys(index.weight_map)).toEqual(Object.keys(index.weight_map).toSorted())
    expect(index.metadata.total_size).toBe([...tensors.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0))
    for (const file of names) {
      const held = await readModel(join(folder, file))
      for (const tensor of held.keys()) expect(index.weight_map[tensor]).toBe(file)
      const data = [...held.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
      if (data > shardBytes) expect([...held.keys()].filter((key) => !key.endsWith('scale_weight'))).toHaveLength(1)
    }
    const whole = await tensorsOf(join(place, 'whole', part))
    expect(new Set(tensors.keys())).toEqual(new Set(whole.keys()))
    expect(differing(tensors, whole)).toEqual([])
  }
  const opened = await openCheckpoint(sharded)
  expect(opened.problems).toEqual((await openCheckpoint(join(place, 'whole'))).problems)
  expect(isTampered(await verifyExport(sharded, [], new AbortController().signal))).toBe(false)
  // It is a base like any other; without the option it becomes whole again.
  const back = join(place, 'back')
  await merge(projectOf([sharded, FILE], { name: 'weighted-sum' }, { include: ['vae'] }), back)
  expect(readdirSync(join(back, 'unet'))).not.toContain('diffusion_pytorch_model.safetensors.index.json')
  const [whole, again] = [await tensorsOf(join(place, 'whole', 'unet')), await tensorsOf(join(back, 'unet'))]
  if (dtype === 'same') expect(differing(again, whole)).toEqual([])
})

it('is the same file as without a limit where everything fits', async () => {
  const place = temporaryFolder()
  const output = { layout: 'diffusers' } as const
  await merge(projectOf([FOLDER, FILE], { name: 'soup' }, output), join(place, 'whole'))
  await merge(projectOf([FOLDER, FILE], { name: 'soup' }, { ...output, shardBytes: 10e9 }), join(place, 'limited'))
  const file = 'vae/diffusion_pytorch_model.safetensors'
  expect(sha256(join(place, 'limited', file))).toBe(sha256(join(place, 'whole', file)))
  expect(readdirSync(join(place, 'limited', 'unet')).sort()).toEqual(readdirSync(join(place, 'whole', 'unet')).sort())
})

it('a sharded export that was cancelled goes on where it stopped', async () => {
  const place = temporaryFolder()
  const project = projectOf([FOLDER, FILE], { name: 'soup' }, { layout: 'diffusers', shardBytes: 200_000 })
  await merge(project, join(place, 'whole'))
  const out = join(place, 'out')
  const controller = new AbortController()
  const onProgress = (phase: string, part: number): void =>
    void (phase === 'merging' && part > 0.5 && controller.abort())
  const resume = { restart: false }
  await expect(merge(project, out, { resume, signal: controller.signal, onProgress })).rejects.toThrow(/kept/)
  const said: string[] = []
  await merge(project, out, { resume, onResume: (words) => said.push(words) })
  expect(said).toEqual([expect.stringMatching(/^Resumes/)])
  const files = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(folder, name)).isFile())
  expect(files(out).sort()).toEqual(files(join(place, 'whole')).sort())
  for (const name of files(out))
    expect([name, sha256(join(out, name))]).toEqual([name, sha256(join(place, 'whole', name))])
})

it('says that a single file is written whole', async () => {
  const { output, warnings } = await planMerge(
    projectOf([FOLDER, FILE], { name: 'soup' }, { layout: 'single-file', shardBytes: 200_000 }),
  )
  expect(output.files).toHaveLength(1)
  expect(warnings).toContainEqual(expect.stringContaining('written whole'))
  expect(dirname(output.files[0]!.path)).toBe('.')
})
