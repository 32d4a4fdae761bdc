import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { describeCheckpoint } from '../../../../../src-main/engine/checkpoint/describe'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { loadPipeline } from '../../../../../src-main/engine/diffusion/load-pipeline'
import { planConversion, planMerge } from '../../../../../src-main/engine/merge/open-model'
import { readSafetensors } from '../../../../../src-main/engine/checkpoint/containers/safetensors'
import { noise } from '../../tensor/inputs'
import {
  merge,
  projectOf,
  readModel,
  temporaryFolder,
  tensor,
  writeModel,
  type ReadTensor,
  type TestTensor,
} from '../models'

const LDM = resolve('tests/golden/layouts/sd1-ldm.safetensors')
const FOLDER = resolve('tests/golden/sd1/pipeline')
const XL = resolve('tests/golden/layouts/sdxl-ldm-fp16.safetensors')
const TEXT = 'cond_stage_model.transformer.text_model.encoder.layers.1.mlp.fc1.weight'
const VAE = 'first_stage_model.decoder.conv_in.weight'
const UNET = 'model.diffusion_model.out.2.weight'
const IDS = 'cond_stage_model.transformer.text_model.embeddings.position_ids'

type Tensors = Record<string, TestTensor>
/** A single file without the EMA copies, of which every merge says that it leaves them out. */
const golden = async (path = LDM): Promise<Tensors> =>
  Object.fromEntries([...(await readModel(path))].filter(([name]) => !name.startsWith('model_ema.')))

/** A copy of a model that is moved by noise. */
async function moved(seed: number, path = LDM): Promise<Tensors> {
  return Object.fromEntries(
    Object.entries(await golden(path)).map(([name, one], index) => {
      const { type, shape } = one
      if (type !== 'F32' && type !== 'F16') return [name, one]
      const { values } = one as ReadTensor
      const change = noise(values.length, seed + index)
      return [
        name,
        tensor(
          shape,
          values.map((value, i) => value + 0.05 * change[i]!),
          type,
        ),
      ]
    }),
  )
}

/** A tensor with one value put in. */
function spoiled({ shape, type }: TestTensor, value: number): TestTensor {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.25)
  values[values.length - 1] = value
  return tensor(shape, values, type as 'F32')
}

const SUM = { name: 'weighted-sum' }

describe('what is only copied is checked like what is merged', () => {
  it.each([
    ['the text encoder', TEXT, NaN, /text_model\.encoder\.layers\.1\.mlp\.fc1\.weight/],
    ['the VAE', VAE, Infinity, /decoder\.conv_in\.weight/],
    ['something else', 'some.thing', -Infinity, /some\.thing/],
    ['the noise schedule', 'alphas_cumprod', NaN, /alphas_cumprod/],
    ['the scale of latents', 'scale_factor', NaN, /scale_factor/],
  ])('NaN or infinity in %s is refused with file and tensor', async (_, name, value, message) => {
    const folder = temporaryFolder()
    const base = await golden()
    base[name] = spoiled(base[name] ?? tensor([3], [1, 2, 3]), value)
    const paths = [writeModel(join(folder, 'spoiled.safetensors'), base), LDM]
    for (const dtype of ['same', 'fp16', 'bf16'])
      await expect(merge(projectOf(paths, SUM, { dtype }), join(folder, 'out.safetensors'))).rejects.toMatchObject({
        kind: 'not-finite',
        message: expect.stringMatching(new RegExp(`spoiled\\.safetensors.*${message.source}`)) as string,
      })
  })

  it.each(['F16', 'BF16', 'F64', 'F8_E4M3', 'F8_E5M2'] as const)('in %s too', async (type) => {
    const folder = temporaryFolder()
    const base = { ...(await golden()), [VAE]: spoiled({ ...(await golden())[VAE]!, type }, NaN) }
    const paths = [writeModel(join(folder, 'a.safetensors'), base), LDM]
    await expect(merge(projectOf(paths, SUM), join(folder, 'o.safetensors'))).rejects.toMatchObject({
      kind: 'not-finite',
    })
  })

  it.each(['F16', 'BF16', 'F32', 'F64', 'F8_E4M3', 'F8_E5M2'] as const)(
    'in a noise schedule of %s NaN is, and infinity is not',
    async (type) => {
      const folder = temporaryFolder()
      const spoil = async (value: number): Promise<string> =>
        writeModel(join(folder, `${value}.safetensors`), {
          ...(await golden()),
          logvar: tensor([3], [1, value, -1], type),
        })
      const out = join(folder, 'out.safetensors')
      await expect(merge(projectOf([await spoil(NaN), LDM], SUM), out)).rejects.toMatchObject({ kind: 'not-finite' })
      await merge(projectOf([await spoil(-Infinity), LDM], SUM), out)
    },
  )

  it('but not where the infinity of a noise schedule is right, nor in what the merge does not take', async () => {
    const folder = temporaryFolder()
    const base = { ...(await golden()), sqrt_recip_alphas_cumprod: tensor([2], [1, Infinity]) }
    const other = { ...(await golden()), [VAE]: spoiled((await golden())[VAE]!, NaN) }
    const paths = [base, other].map((content, i) => writeModel(join(folder, `${i}.safetensors`), content))
    await merge(projectOf(paths, SUM), join(folder, 'out.safetensors'))
  })
})

describe('position_ids', () => {
  const with_ = async (folder: string, ids: TestTensor): Promise<string> =>
    writeModel(join(folder, 'base.safetensors'), { ...(await golden()), [IDS]: ids })
  const RIGHT = [...Array(77).keys()]

  it.each([
    ['floats, as half precision rounds them', () => tensor([1, 77], RIGHT, 'F16'), 'same', /stored as F16/],
    ['floats that are wrong', () => tensor([1, 77], [...RIGHT.slice(0, 76), 75], 'F32'), 'fp16', /stored as F32/],
    [
      'int64 that are wrong',
      () => ({ type: 'I64', shape: [1, 77], bytes: new Uint8Array(77 * 8) }),
      'same',
      /not 0, 1, 2/,
    ],
    [
      'int32',
      () => ({ type: 'I32', shape: [77], bytes: new Uint8Array(Int32Array.from(RIGHT).buffer) }),
      'bf16',
      /stored as I32/,
    ],
  ] as const)('of %s are put right, and that is said', async (_, ids, dtype, note) => {
    const folder = temporaryFolder()
    const path = await with_(folder, ids() as TestTensor)
    const project = projectOf([path, LDM], SUM, { dtype, include: ['unet', 'text_encoder'] })
    expect((await planMerge(project)).warnings.join('\n')).toMatch(note)
    await merge(project, join(folder, 'out.safetensors'))
    const { type, bytes } = (await readModel(join(folder, 'out.safetensors'))).get(IDS)!
    expect([type, [...new BigInt64Array(bytes.buffer)].map(Number)]).toEqual(['I64', RIGHT])
  })

  it('that are right are kept without a word', async () => {
    const path = writeModel(join(temporaryFolder(), 'a.safetensors'), await golden())
    expect(
      (await planMerge(projectOf([path, FOLDER], SUM, { include: ['unet', 'text_encoder', 'vae'] }))).warnings,
    ).toEqual([])
  })
})

describe('what belongs to no component', () => {
  const extras: Tensors = {
    'model_ema.diffusion_modelout2weight': tensor([3], [1, 2, 3]),
    'model_ema.decay': tensor([], [0.99]),
    'control_model.zero_convs.0.0.weight': tensor([1], [1]),
    junk: tensor([1], [1]),
    v_pred: tensor([0], []),
    ztsnr: tensor([0], []),
    edm_mean: tensor([1, 4, 1, 1], [1, 2, 3, 4]),
    edm_std: tensor([1, 4, 1, 1], [1, 2, 3, 4]),
    'edm_vpred.sigma_max': tensor([], [120]),
  }

  it('is named by group when a file is opened', async () => {
    const path = writeModel(join(temporaryFolder(), 'a.safetensors'), { ...(await golden()), ...extras })
    const { leftAside } = await describeCheckpoint(await openCheckpoint(path))
    expect(leftAside.join('\n')).toMatch(/EMA copies of the weights \(model_ema\.\*; \d+ tensors\)/)
    expect(leftAside.join('\n')).toMatch(/a ControlNet \(control_model\.\*; 1 tensor\)/)
    expect(leftAside.join('\n')).toMatch(/not known here \(junk; 1 tensor\)/)
    expect(leftAside.join('\n')).toMatch(/markers.*v_pred/)
  })

  it('of a base: EMA copies go, the rest and all markers stay, and both are said', async () => {
    const folder = temporaryFolder()
    const path = writeModel(join(folder, 'a.safetensors'), { ...(await golden()), ...extras })
    const project = projectOf([path, LDM], SUM)
    const { warnings } = await planMerge(project)
    expect(warnings.join('\n')).toMatch(/a\.safetensors: EMA copies.* left out/)
    expect(warnings.join('\n')).toMatch(/a\.safetensors: a ControlNet.* copied/)
    expect(warnings.join('\n')).toMatch(/junk.* copied/)
    await merge(project, join(folder, 'out.safetensors'))
    const names = [...(await readModel(join(folder, 'out.safetensors'))).keys()]
    expect(names.filter((name) => name.startsWith('model_ema'))).toEqual([])
    expect(names).toEqual(expect.arrayContaining(Object.keys(extras).filter((name) => !name.startsWith('model_ema'))))
  })

  it('of a specialist is left aside, and that is said', async () => {
    const path = writeModel(join(temporaryFolder(), 'b.safetensors'), { ...(await golden()), ...extras })
    const { warnings } = await planMerge(projectOf([LDM, path], SUM))
    expect(warnings.join('\n')).toMatch(/b\.safetensors: .*EMA copies.*ControlNet.*junk.* left aside/s)
  })
})

it('names the parts that are not merged though specialists have them', async () => {
  const folder = temporaryFolder()
  const base = writeModel(join(folder, 'base.safetensors'), await golden(XL))
  const other = writeModel(join(folder, 'other.safetensors'), await moved(1, XL))
  const { warnings } = await planMerge(projectOf([base, other], SUM))
  expect(warnings).toEqual([
    'Not merged: text_encoder, text_encoder_2, vae. They stay as in model-0, though model-1 has its own. To merge all parts: ' +
      '--include unet,text_encoder,text_encoder_2,vae.',
  ])
  const all = { include: ['unet', 'text_encoder', 'text_encoder_2', 'vae'] }
  expect((await planMerge(projectOf([base, other], SUM, all))).warnings).toEqual([])
  const lone = join(FOLDER, 'unet')
  expect(
    (await planMerge(projectOf([writeModel(join(folder, 'sd1.safetensors'), await golden()), lone], SUM))).warnings,
  ).toEqual([])
})

it("carries the base's licence and author into the merge, which its own options replace", async () => {
  const folder = temporaryFolder()
  const metadata = {
    format: 'pt',
    'modelspec.license': 'OpenRAIL-M',
    'modelspec.author': 'me',
    'modelspec.title': 'Old',
    ss_tag: 'x',
  }
  const base = writeModel(join(folder, 'a.safetensors'), await golden(), metadata)
  const [first, second] = [join(folder, 'first.safetensors'), join(folder, 'second.safetensors')]
  await merge(projectOf([base, LDM], SUM), first)
  await merge(projectOf([first, LDM], SUM, { license: 'MIT' }), second)
  const [one, two] = await Promise.all([first, second].map(async (path) => (await readSafetensors(path)).metadata))
  expect(one).toMatchObject({ 'modelspec.license': 'OpenRAIL-M', 'modelspec.author': 'me' })
  expect(one!['modelspec.title']).not.toBe('Old')
  expect(one).not.toHaveProperty('ss_tag')
  expect(two).toMatchObject({ 'modelspec.license': 'MIT', 'modelspec.author': 'me' })
})

describe('add difference A + w (B − C)', () => {
  const method = { name: 'add-difference' }

  it('takes everything that is not merged from A: parts, markers, licence', async () => {
    const folder = temporaryFolder()
    const c = { ...(await golden()), ztsnr: tensor([0], []) }
    const a: Tensors = { ...(await moved(1)), v_pred: tensor([0], []) }
    const b = await moved(2)
    const [C, A, B] = Object.entries({ c, a, b }).map(([name, content]) =>
      writeModel(join(folder, `${name}.safetensors`), content, { format: 'pt', 'modelspec.license': `of ${name}` }),
    ) as [string, string, string]
    const out = join(folder, 'out.safetensors')
    const project = projectOf([C, A, { path: B, weight: 0.5 }], method)
    expect((await planMerge(project)).warnings.join()).toMatch(/text_encoder, vae\. They stay as in model-1/)
    await merge(project, out)
    const result = await readModel(out)
    for (const name of [TEXT, VAE]) expect(result.get(name)!.bytes).toEqual(Uint8Array.from(a[name]!.bytes))
    expect([result.has('v_pred'), result.has('ztsnr')]).toEqual([true, false])
    const values = async (path: string) => (await readModel(path)).get(UNET)!.values
    const [va, vb, vc] = await Promise.all([A, B, C].map(values))
    expect(result.get(UNET)!.values).toEqual(va!.map((value, i) => Math.fround(value + 0.5 * (vb![i]! - vc![i]!))))
    const { metadata } = await readSafetensors(out)
    expect(metadata['modelspec.license']).toBe('of a')
  })

  it('takes from the base what A, a UNet alone, does not have', async () => {
    const folder = temporaryFolder()
    const unet = (name: string, content: Tensors): string =>
      writeModel(
        join(folder, name),
        Object.fromEntries(Object.entries(content).filter(([key]) => key.startsWith('model.diffusion_model.'))),
      )
    const paths = [LDM, unet('a.safetensors', await moved(1)), unet('b.safetensors', await moved(2))]
    const out = join(folder, 'out.safetensors')
    await merge(projectOf(paths, method), out)
    const [base, result] = [await readModel(LDM), await readModel(out)]
    expect([...result.keys()].sort()).toEqual([...base.keys()].filter((name) => !name.startsWith('model_ema')).sort())
    expect(result.get(VAE)!.bytes).toEqual(base.get(VAE)!.bytes)
  })
})

describe('a base without a VAE', () => {
  const bare = async (folder: string): Promise<string> =>
    writeModel(
      join(folder, 'bare.safetensors'),
      Object.fromEntries(Object.entries(await golden()).filter(([name]) => !name.startsWith('first_stage_model.'))),
    )

  it.each(['same', 'single-file', 'diffusers'] as const)('is given one: layout %s', async (layout) => {
    const folder = temporaryFolder()
    const out = join(folder, layout === 'diffusers' ? 'out' : 'out.safetensors')
    await merge(projectOf([await bare(folder), LDM], SUM, { layout, vae: join(FOLDER, 'vae') }), out)
    const [ours, theirs] = [await openCheckpoint(out), await openCheckpoint(LDM)]
    expect([...ours.components.get('vae')!.tensors.keys()].sort()).toEqual(
      [...theirs.components.get('vae')!.tensors.keys()].sort(),
    )
    expect(ours.problems).toEqual([])
  })

  it('that is a UNet alone has no place for one, unless a whole file is written', async () => {
    const folder = temporaryFolder()
    const lone = join(FOLDER, 'unet')
    const vae = join(FOLDER, 'vae')
    await expect(planMerge(projectOf([lone, LDM], SUM, { vae }))).rejects.toMatchObject({
      kind: 'validation',
      hint: expect.stringContaining('single-file') as string,
    })
    const out = join(folder, 'out.safetensors')
    await merge(projectOf([lone, LDM], SUM, { vae, layout: 'single-file' }), out)
    expect((await openCheckpoint(out)).components.has('vae')).toBe(true)
  })
})

describe('a VAE of other latents', () => {
  /** The golden VAE as one of 16 channels, whose first layer alone is right: FLUX's and Stable Diffusion 3's. */
  const wideVae = async (): Promise<string> => {
    const own = Object.entries(await golden()).flatMap(([name, one]): [string, TestTensor][] => {
      if (!name.startsWith('first_stage_model.') || /quant_conv/.test(name)) return []
      const short = name.slice('first_stage_model.'.length)
      if (name !== VAE) return [[short, one]]
      const [rows = 0, , ...kernel] = one.shape
      const shape = [rows, 16, ...kernel]
      return [[short, tensor(shape, new Float32Array(shape.reduce((a, b) => a * b)))]]
    })
    return writeModel(join(temporaryFolder(), 'ae.safetensors'), Object.fromEntries(own))
  }

  it.each(['same', 'single-file', 'diffusers'] as const)('is not baked in: layout %s', async (layout) => {
    const vae = await wideVae()
    const refusal = {
      kind: 'incompatible',
      message: expect.stringMatching(/ae\.safetensors.* 16 .*UNet.* 4/) as string,
    }
    const base = join(temporaryFolder(), 'base.safetensors')
    writeModel(base, await golden())
    await expect(planMerge(projectOf([base, LDM], SUM, { layout, vae }))).rejects.toMatchObject(refusal)
    const output = projectOf([], SUM, { layout, vae }).output
    await expect(planConversion(base, output)).rejects.toMatchObject(refusal)
  })

  it('is judged by what the UNet gives: one for inpainting takes more', async () => {
    const base = await golden()
    const first = 'model.diffusion_model.input_blocks.0.0.weight'
    const [rows = 0, , ...kernel] = base[first]!.shape
    const shape = [rows, 9, ...kernel]
    const wide = { ...base, [first]: tensor(shape, new Float32Array(shape.reduce((a, b) => a * b))) }
    const path = writeModel(join(temporaryFolder(), 'inpainting.safetensors'), wide)
    const { output } = projectOf([], SUM, { vae: join(FOLDER, 'vae') })
    expect((await planConversion(path, output)).base.components.has('vae')).toBe(true)
    await expect(planConversion(path, { ...output, vae: await wideVae() })).rejects.toMatchObject({
      kind: 'incompatible',
    })
  })

  it('draws no pictures', async () => {
    const vae = await openCheckpoint(await wideVae())
    await expect(loadPipeline(await openCheckpoint(FOLDER), { vae, device: 'cpu' })).rejects.toMatchObject({
      kind: 'incompatible',
      message: expect.stringMatching(/ae\.safetensors.* 16 /) as string,
    })
  })
})
