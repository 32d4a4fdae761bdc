import { normaliserOf } from '../../../src-main/engine/merge/fusion/normalisers'
import { rowSums } from '../../../src-main/engine/merge/fusion/layer-report'
import { FusionLayer, type FusionOptions } from '../../../src-main/engine/merge/fusion/fusion-layer'
import { PLAIN_LAYER, TensorRows } from '../../../src-main/engine/merge/fusion/layer-rows'
import { samplesFromMoments } from '../../../src-main/engine/merge/fusion/moments'
import { FusionSessions, type FeatureSamples } from '../../../src-main/engine/merge/fusion/statistics'
import { Kernels } from '../../../src-main/engine/tensor/kernels'
import { input, type GoldenCase } from '../golden-set'
import { inputsOf, inShape, tensors } from '../inputs'
import type { OpRunner } from '../run-cases'
import { tensorMergeOps } from './tensor-merges'

const never = async (): Promise<void> => {}
const sessions = new FusionSessions('cpu')

function samplesOf(goldenCase: GoldenCase): FeatureSamples | null {
  switch (goldenCase.params['statistics']) {
    case 'exact':
      return null
    case 'sampled': {
      const x = input(goldenCase, 'x')
      return { values: Float32Array.from(x.values()), count: x.shape[1]!, centred: true }
    }
    case 'calibrated':
      return samplesFromMoments(input(goldenCase, 'mean').values(), input(goldenCase, 'second_moment').values())
    default:
      throw new Error(`statistics ${String(goldenCase.params['statistics'])}`)
  }
}

function fusionLayer(goldenCase: GoldenCase, options: FusionOptions): { layer: TensorRows; fusion: FusionLayer } {
  const { shape } = input(goldenCase, 'weight_0')
  const transposedConvolution = goldenCase.params['kind'] === 'conv_transpose'
  const biases = goldenCase.params['bias'] ? tensors(goldenCase, 'bias').map((bias) => bias.values()) : null
  const layer = new TensorRows(inputsOf(goldenCase), shape, { ...PLAIN_LAYER, transposedConvolution }, 0, biases)
  const kernels = new Kernels(FusionLayer.memory(layer, options.samples?.count ?? null))
  return { layer, fusion: new FusionLayer(layer, options, sessions, kernels) }
}

const fusionStatistics: OpRunner = async (goldenCase) => {
  const { layer, fusion } = fusionLayer(goldenCase, {
    normaliser: 'aligned',
    threshold: 0,
    weights: [],
    samples: samplesOf(goldenCase),
  })
  const total = layer.models * layer.rows
  const [p, s, c] = [0, 1, 2].map(() => new Float64Array(layer.rows * total))
  const statistics = await fusion.statistics()
  await fusion.scan(
    'correlations',
    statistics,
    ({ start, count, model, first, columns, outputs: { correlations } }) => {
      const tile = correlations!.data as Float32Array
      for (let i = 0; i < count; i++)
        for (let j = 0; j < columns; j++) {
          const at = (start + i) * total + model * layer.rows + first + j
          const base = statistics.sigma[0]![start + i]!
          p![at] = tile[i * columns + j]!
          s![at] = base > 0 ? (p![at]! * statistics.sigma[model]![first + j]!) / base : 0
          c![at] = Math.abs(p![at]!) * s![at]!
        }
    },
    never,
  )
  return { outputs: { P: p!, S: s!, C: c! }, arithmetic: 'float32' }
}

const fusionMerge: OpRunner = async (goldenCase) => {
  const { params, outputs } = goldenCase
  const options: FusionOptions = {
    normaliser: params['normaliser'] as FusionOptions['normaliser'],
    threshold: Number(params['threshold_value']),
    weights: params['alpha'] as number[],
    samples: samplesOf(goldenCase),
  }
  const { layer, fusion } = fusionLayer(goldenCase, options)
  const matrix = new Float64Array(layer.rows * layer.inputs)
  const result = await fusion.merge(
    ({ start, count, weights }) => matrix.set(weights.floats(count * layer.inputs), start * layer.inputs),
    never,
  )
  const computed: Record<string, Float64Array> = {
    weight: inShape(goldenCase, matrix),
    Z: result.z,
    kappa: result.kappa,
    ...(result.bias && { bias: result.bias }),
  }
  if (outputs['A']) {
    const a = new Float64Array(layer.models * matrix.length)
    const z = new Float64Array(layer.models * layer.rows)
    const bias = new Float64Array(layer.models * layer.rows)
    const contributions = await fusion.contributions(
      Array.from({ length: layer.models }, (_, model) => model),
      (model, { start, count, sums }) =>
        a.set(sums.doubles(count * layer.inputs), model * matrix.length + start * layer.inputs),
      never,
    )
    for (const [model, { parts, sigma }] of contributions.entries()) {
      sigma.base.forEach((length, row) => {
        if (length === 0) return
        const at = model * layer.rows + row
        const own = rowSums(parts, row)
        z[at] = normaliserOf(options.normaliser, own, length)
        bias[at] = own.bias / length
        for (let i = at * layer.inputs; i < (at + 1) * layer.inputs; i++) a[i]! /= length
      })
    }
    Object.assign(computed, { A: a, z_parts: z, ...(outputs['bias_parts'] && { bias_parts: bias }) })
  }
  return { outputs: computed, arithmetic: 'float32' }
}

export const mergeOps = {
  fusion_statistics: fusionStatistics,
  fusion_merge: fusionMerge,
  ...tensorMergeOps,
} satisfies Record<string, OpRunner>
