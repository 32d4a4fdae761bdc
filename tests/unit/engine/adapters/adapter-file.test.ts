import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FusionError } from '../../../../src-main/contract/errors'
import { openAdapter, type Adapter } from '../../../../src-main/engine/adapters/adapter-file'
import { encodeHeader } from '../../../../src-main/engine/checkpoint/containers/safetensors-write'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { temporaryFolder, tensor, writeModel, type TestTensor } from '../merge/models'
import { pickledModel } from '../checkpoint/pickled-models'
import { ADAPTERS, adapterAt, BASE, changedBase, computedViews } from './adapter-models'

const Q = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q'
const lora = (name: string, rows = 16, inner = 2, columns = 16): Record<string, TestTensor> => ({
  [`${name}.lora_up.weight`]: zeros(rows, inner),
  [`${name}.lora_down.weight`]: zeros(inner, columns),
})

function zeros(...shape: number[]): TestTensor {
  return tensor(shape, new Float32Array(shape.reduce((product, size) => product * size, 1)))
}

function write(tensors: Readonly<Record<string, TestTensor>>): string {
  return writeModel(join(temporaryFolder(), 'adapter.safetensors'), tensors)
}

async function refusal(work: Promise<unknown>): Promise<FusionError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(FusionError)
  return error as FusionError
}

describe('opening an adapter', () => {
  it('leaves models to openCheckpoint', async () => {
    expect(await openAdapter(BASE)).toBeUndefined()
    expect(await openAdapter(join(BASE, 'unet/diffusion_pytorch_model.safetensors'))).toBeUndefined()
  })

  it('takes PEFT settings from beside the file, from its folder, and from metadata', async () => {
    const fromFolder = await adapterAt(join(ADAPTERS, 'sd1-peft-folder'))
    const fromFile = await adapterAt(join(ADAPTERS, 'sd1-peft-folder/adapter_model.safetensors'))
    expect(fromFolder.modules).toEqual(fromFile.modules)
    expect(fromFolder.modules.map(({ alpha }) => alpha)).toEqual(expect.arrayContaining([2, 1.3]))
    // A changed file of settings is another adapter.
    expect(fromFolder.files.map(({ path }) => path)).toContainEqual(expect.stringMatching(/adapter_config\.json$/))
    const { modules } = await adapterAt(join(ADAPTERS, 'sdxl-peft.safetensors'))
    expect(modules.find(({ name }) => name.endsWith('mlp.fc2'))).toMatchObject({ rank: 3, alpha: 6, scale: 2 })
  })

  it.each(['adapter_model.bin', 'my_lora.safetensors', 'my_lora.bin'])(
    'takes PEFT settings from beside %s, however it is named',
    async (name) => {
      const source = join(ADAPTERS, 'sd1-peft-folder')
      const folder = temporaryFolder()
      const copy = join(folder, name)
      const weights = join(source, 'adapter_model.safetensors')
      if (name.endsWith('.bin')) writeFileSync(copy, await pickledModel(weights))
      else copyFileSync(weights, copy)
      const { modules: lost } = await adapterAt(copy)
      expect(lost.map(({ scale }) => scale)).toEqual(lost.map(() => 1))
      const [unknown] = (await changedBase(copy, 1)).problems
      expect(unknown?.message).toMatch(/does not say alpha for 5 of its modules.*adapter_config\.json/)
      copyFileSync(join(source, 'adapter_config.json'), join(folder, 'adapter_config.json'))
      const scales = ({ modules }: Adapter): unknown => new Map(modules.map((module) => [module.name, module.scale]))
      expect(scales(await adapterAt(copy))).toEqual(scales(await adapterAt(source)))
      expect((await changedBase(copy, 1)).problems).toEqual([])
    },
  )

  it.each(['adapter_model.bin', 'pytorch_lora_weights.bin'])('opens a folder by its %s', async (name) => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, name), await pickledModel(write(lora(Q))))
    expect((await adapterAt(folder)).modules).toMatchObject([{ name: Q, rank: 2 }])
  })

  it('takes the rank for a missing alpha', async () => {
    const { modules } = await adapterAt(write(lora(Q)))
    expect(modules).toMatchObject([{ rank: 2, alpha: null, scale: 1 }])
  })

  it('names tensors that no form has, and factors that are given twice', async () => {
    const foreign = await refusal(openAdapter(write({ ...lora(Q), 'something.new': zeros(2) })))
    expect(foreign.message).toMatch(/is a LoRA .*, with tensors that are not known here.*: something\.new/)
    const half = await refusal(
      openAdapter(write({ [`${Q}.lora_up.weight`]: zeros(16, 2), ...lora('lora_unet_conv_in') })),
    )
    expect(half.message).toContain(`${Q}.lora_up.weight`)
    const twice = await refusal(
      openAdapter(
        write({ 'x.lora_A.a.weight': zeros(2, 4), 'x.lora_A.b.weight': zeros(2, 4), 'x.lora_B.a.weight': zeros(4, 2) }),
      ),
    )
    expect(twice.message).toMatch(/x\.lora_A\.[ab]\.weight/)
    const mixed = await refusal(openAdapter(write({ ...lora(Q), [`${Q}.hada_w1_a`]: zeros(16, 2) })))
    expect(mixed.message).toMatch(/hada_w1_a|lora_up/)
  })

  it('refuses an alpha that is no number', async () => {
    const vector = await refusal(openAdapter(write({ ...lora(Q), [`${Q}.alpha`]: zeros(2) })))
    expect(vector).toMatchObject({ kind: 'malformed', message: expect.stringContaining(`${Q}.alpha`) as string })
    const infinite = await refusal(openAdapter(write({ ...lora(Q), [`${Q}.alpha`]: tensor([], [NaN]) })))
    expect(infinite).toMatchObject({ kind: 'not-finite', message: expect.stringContaining(`${Q}.alpha`) as string })
  })

  it('refuses settings of PEFT that are damaged, or of a type that is not read', async () => {
    const folder = temporaryFolder()
    mkdirSync(folder, { recursive: true })
    writeModel(join(folder, 'adapter_model.safetensors'), {
      'base_model.model.conv_in.lora_A.weight': zeros(2, 4, 3, 3),
      'base_model.model.conv_in.lora_B.weight': zeros(16, 2, 1, 1),
    })
    for (const [text, kind] of [
      ['{', 'malformed'],
      ['{"lora_alpha": "much"}', 'malformed'],
      ['{"peft_type": "VERA"}', 'unsupported'],
    ] as const) {
      writeFileSync(join(folder, 'adapter_config.json'), text)
      expect(await refusal(openAdapter(folder))).toMatchObject({ kind })
    }
  })

  it('refuses a rank beyond the file without taking memory for it', async () => {
    const names = [`${Q}.lora_up.weight`, `${Q}.lora_down.weight`]
    const header = encodeHeader(
      names.map((name) => ({ name, elementType: 'F32', shape: [1_000_000_000, 0], byteLength: 0 })),
      {},
    )
    const path = join(temporaryFolder(), 'hostile.safetensors')
    writeFileSync(path, header)
    const before = process.memoryUsage().rss
    const error = await refusal(changedBase(path, 1))
    expect(error).toMatchObject({ kind: 'incompatible', message: expect.stringContaining(Q) as string })
    expect(process.memoryUsage().rss - before).toBeLessThan(500e6)
  })
})

describe('an adapter on a base', () => {
  it('is refused by the names of what does not fit', async () => {
    const missing = await refusal(changedBase(write({ ...lora(Q), ...lora('lora_unet_nowhere') }), 1))
    expect(missing).toMatchObject({ kind: 'incompatible', detail: 'lora_unet_nowhere: the model has no such module' })
    const wrong = await refusal(changedBase(write(lora(Q, 16, 2, 24)), 1))
    expect(wrong.detail).toBe(`${Q}: down is [2, 24] where a matrix of 2 × 16 is needed`)
    const many = Object.assign({}, ...Array.from({ length: 9 }, (_, i) => lora(`lora_unet_x_${i}`))) as Record<
      string,
      TestTensor
    >
    expect((await refusal(changedBase(write(many), 1))).message).toMatch(/9 of its 9 modules.*and 4 more/)
  })

  it('of another family is refused', async () => {
    const error = await refusal(changedBase(join(ADAPTERS, 'sdxl-kohya-ldm.safetensors'), 1))
    expect(error.kind).toBe('incompatible')
  })

  it('is refused where two of its modules are one', async () => {
    const dotted = 'unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q'
    const error = await refusal(changedBase(write({ ...lora(Q), ...lora(dotted) }), 1))
    expect(error.detail).toMatch(/changes the same tensor as/)
  })

  it('says what it leaves aside: parts that the base does not have', async () => {
    const unet = join(BASE, 'unet')
    const changed = await changedBase('tests/golden/lora/sd1-kohya.safetensors', 1, unet)
    expect(changed.problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/changes 2 modules of the text_encoder, which .*unet does not have: they are left aside/),
    ])
    expect([...computedViews(changed).keys()].every((key) => key.startsWith('unet/'))).toBe(true)
  })

  it('is refused as a base, in words', async () => {
    const error = await refusal(openCheckpoint('tests/golden/lora/sd1-kohya.safetensors'))
    expect(error.message).toMatch(/is a LoCon .*which is no model by itself/)
    expect(error.hint).toMatch(/as a specialist/)
  })
})
