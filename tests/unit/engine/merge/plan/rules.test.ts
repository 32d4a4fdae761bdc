import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { FusionError } from '../../../../../src-main/contract/errors'
import { modelSchema, type MethodName } from '../../../../../src-main/contract/document/project'
import { methodNamed } from '../../../../../src-main/engine/merge/methods/index'
import { planMerge } from '../../../../../src-main/engine/merge/open-model'
import { unusedWeights } from '../../../../../src-main/engine/merge/plan/rules'
import { projectOf, temporaryFolder } from '../models'

const FILE = 'tests/golden/layouts/sd1-ldm.safetensors'
const FOLDER = 'tests/golden/sd1/pipeline'

interface Rules {
  method?: MethodName
  base?: object
  specialist?: object
  include?: string[]
  layerKinds?: object[]
}

/** Plans a merge of a model with a copy of it. @returns how many tensors have the specialist's weight 0 */
async function weighedWithZero(path: string, rules: Rules): Promise<number> {
  const { method = 'task-arithmetic', base, specialist, include = ['unet'], layerKinds = [] } = rules
  const plan = await planMerge(
    projectOf(
      [
        { name: 'a', path, ...base },
        { name: 'b', path: copy, ...specialist },
      ],
      { name: method, layerKinds },
      { include },
    ),
  )
  return plan.tasks.filter(({ weights }) => weights[1] === 0).length
}

async function refusal(rules: Rules): Promise<string> {
  const error: unknown = await weighedWithZero(FILE, rules).catch((cause: unknown) => cause)
  expect(error).toBeInstanceOf(FusionError)
  const { message, hint } = error as FusionError
  return `${message} ${hint}`
}

const layer = (pattern: string): Rules => ({ specialist: { layers: [{ pattern, weight: 0 }] } })
const block = (label: string): Rules => ({ specialist: { blocks: { [label]: 0 } } })
let copy = ''

beforeEach(() => {
  copy = join(temporaryFolder(), 'copy.safetensors')
  copyFileSync(FILE, copy)
})

describe.each([FILE, FOLDER])('rules for %s', (path) => {
  it.each([
    ['down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k', 1],
    ['input_blocks.4.1.transformer_blocks.0.attn2.to_k', 1],
    ['model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight', 1],
    ['input_blocks.4.1.*attn2*', 5],
    ['middle_block', 46],
    ['mid_block', 46],
    ['time_embed.0', 2],
    ['out.2', 2],
  ])('%s matches in both layouts', async (pattern, count) => {
    expect(await weighedWithZero(path, layer(pattern))).toBe(count)
  })

  it('blocks are named in any case', async () => {
    const [upper, lower, short] = await Promise.all(
      ['IN04', 'in04', 'in4'].map((label) => weighedWithZero(path, block(label))),
    )
    expect(upper).toBeGreaterThan(20)
    expect([lower, short]).toEqual([upper, upper])
    expect(await weighedWithZero(path, block('mid'))).toBe(46)
  })
})

describe('a rule that matches nothing says what would match', () => {
  it.each([
    ['a pattern', layer('attn'), /attn, but no merged layer matches.*attn1, attn2/],
    ['a pattern without likeness', layer('dfsadfsfds'), /dfsadfsfds.*nearest names are .*whole parts/],
    ['a pattern with a star', layer('input_blocks.4.7.*attn2*'), /input_blocks\.4\.1\.\S*attn2/],
    ['a block as a pattern', layer('in04'), /IN04 is a block.*--block-weights b=IN04:WEIGHT/],
    ['a part that is not merged', layer('self_attn.k_proj'), /text_encoder, which stays.*--include unet,text_encoder/],
    [
      'a bias that goes with its layer',
      { ...layer('conv_in.bias'), method: 'featurefusion' },
      /biases, which are merged with their layers/,
    ],
    ['a block', block('IN12'), /blocks that are not merged: IN12.*BASE IN00.*OUT11/],
    ['a block of a part that is not merged', { ...block('IN01'), include: ['text_encoder'] }, /IN01.*are BASE\./],
    ['a kind', { layerKinds: [{ pattern: 'conv_inn', groups: 2 }] }, /conv_inn, whose kind.*conv_in/],
    ['a weight of an ignored base', { base: { weight: 5 } }, /a has weights of its own.*Task arithmetic/],
    ['a block of an ignored base', { base: { blocks: { IN01: 0 } }, method: 'weighted-sum' }, /Weighted sum/],
  ] satisfies [string, Rules, RegExp][])('%s', async (_, rules, expected) => {
    expect(await refusal(rules)).toMatch(expected)
  })

  it('and add difference says that it uses its first specialist as it is', () => {
    const entries = ['c', 'a', 'b'].map((name) => modelSchema.parse({ name, path: name, weight: 0.5 }))
    expect(unusedWeights(entries, methodNamed('add-difference'))).toEqual([
      'Add difference uses a as it is: the weights given for it are not used.',
    ])
    expect(unusedWeights(entries, methodNamed('soup'))).toEqual([])
  })

  it('but rules of a dropped model are kept for later', async () => {
    await weighedWithZero(FILE, {
      method: 'featurefusion',
      specialist: { enabled: false, layers: [{ pattern: 'nothing', weight: 0 }] },
    })
  })
})
