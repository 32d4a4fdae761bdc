import { methodSchema } from '../../../src-main/contract/document/project'
import { describedMethod } from '../../../src-main/contract/methods/index'
import { mergeElementwise } from '../../../src-main/engine/merge/jobs/merge-elementwise'
import { addUp } from '../../../src-main/engine/merge/methods/elementwise/changes'
import { equalChances } from '../../../src-main/engine/merge/methods/elementwise/dare'
import { chancesByRank } from '../../../src-main/engine/merge/methods/elementwise/della'
import { startDropping } from '../../../src-main/engine/merge/methods/elementwise/random-dropping'
import type { DrawSource } from '../../../src-main/engine/merge/methods/elementwise/random-draw'
import { meanOfAgreeing, sumOfAgreeing } from '../../../src-main/engine/merge/methods/elementwise/sign-consensus'
import { methodNamed } from '../../../src-main/engine/merge/methods/index'
import type { BlockMethod, MergeMethod } from '../../../src-main/engine/merge/methods/method'
import { soup } from '../../../src-main/engine/merge/methods/soup'
import { addBySimilarity } from '../../../src-main/engine/merge/methods/vectors/cosine'
import { WeightedSum, type EncodedBlock } from '../../../src-main/engine/tensor/weighted-sum'
import { goldenMethod, settingsOf, weightsOf } from '../golden-methods'
import { input, type GoldenCase } from '../golden-set'
import { inputsOf, inShape } from '../inputs'
import type { OpRunner } from '../run-cases'
import { mergeMatrix } from './matrix-merges'
import { regress } from './regression'

/** What the methods that drop at random make of the changes that stay. */
const MIXES = {
  dare: addUp,
  'dare-ties': sumOfAgreeing,
  della: meanOfAgreeing,
  'della-linear': addUp,
}

/**
 * Weiszfeld's iterations end where the objective no longer changes. It is flat there, so rounding decides which iteration
 * is the last one, and half of the digits of the result are chance, in the original, too.
 */
const ENDS_BY_ROUNDING = ['geometric-median']

/** Merges the tensors of a case as the program does. */
const mergeMethod: OpRunner = async (goldenCase) => {
  const { params } = goldenCase
  const golden = goldenMethod(params)
  if (!golden) return { skipped: `method ${String(params['method'])}` }
  const { settings: given, failures } = settingsOf(golden, params)
  if (failures.length > 0) return { failures }
  const { name } = golden
  const { most } = describedMethod(name).specialists
  const taken = golden.models ?? Array.from({ length: Math.min(Number(params['models']), most + 1) }, (_, m) => m)
  const inputs = inputsOf(goldenCase, taken)
  const settings = methodSchema.parse({ name, ...given })
  const weights = weightsOf(golden, params, taken.length).slice(0, taken.length)
  const own = withGivenInputs(methodNamed(name), goldenCase, failures)
  if (own.kind === 'fusion' || own.kind === 'sequential') return { skipped: `method ${name} on a single tensor` }
  if (own.kind === 'regression' && params['kind'] !== 'bias')
    return { ...(await regress(goldenCase, own.problem(weights, settings))), failures }
  if (own.kind === 'matrix' && params['kind'] !== 'bias') {
    const { merged: matrix } = await mergeMatrix({
      ...{ method: own, settings, weights, inputs },
      shape: input(goldenCase, 'weight_0').shape,
      transposedConvolution: params['kind'] === 'conv_transpose',
    })
    return { outputs: { weight: inShape(goldenCase, matrix) }, arithmetic: 'float64', failures }
  }
  const method = own.kind === 'regression' ? soup : own
  const merged = new Float64Array(inputs.count)
  const write = ({ bytes }: EncodedBlock, start: number): void => new Uint8Array(merged.buffer).set(bytes, start * 8)
  if (method.kind === 'linear' || method.kind === 'matrix') {
    const sum = new WeightedSum(inputs.count)
    write(sum.sum(inputs, method.combine(weights, settings), 0, inputs.count, 'F64'), 0)
  } else {
    const { shape } = input(goldenCase, 'weight_0')
    mergeElementwise({ method, settings, weights, inputs, shape, type: 'F64' }, write)
  }
  return { outputs: { weight: merged }, arithmetic: ENDS_BY_ROUNDING.includes(name) ? 'float32' : 'float64', failures }
}

/** The method with what a case gives in place of what the program draws or measures by itself. */
function withGivenInputs(method: MergeMethod, goldenCase: GoldenCase, failures: string[]): MergeMethod {
  const { name } = method
  if (goldenCase.inputs['similarity']) {
    const similarities = input(goldenCase, 'similarity').values()
    let column = 0
    return { ...methodNamed('cosine'), kind: 'vector', ...addBySimilarity(() => similarities[column++]!) }
  }
  if (!goldenCase.inputs['mask_1'] || !(name in MIXES)) return method
  const mix = MIXES[name as keyof typeof MIXES]
  const draws = givenMasks(goldenCase, failures)
  const dropping: BlockMethod = {
    ...methodNamed('dare'),
    kind: 'elementwise',
    start: (context) => {
      const byRank = name === 'della' || name === 'della-linear'
      return startDropping(context, byRank ? chancesByRank(context) : equalChances(context.settings), mix, draws)
    },
  }
  return dropping
}

/** The case's masks, in place of random ones; chances that are not the case's are failures. */
function givenMasks(goldenCase: GoldenCase, failures: string[]): DrawSource {
  return (specialist) => {
    const mask = input(goldenCase, `mask_${specialist + 1}`).values()
    const expected = goldenCase.inputs[`probability_${specialist + 1}`]?.values()
    let next = 0
    return (count, chances) => {
      const start = next
      next += count
      if (expected && typeof chances !== 'number') {
        const wrong = chances.findIndex((chance, i) => Math.abs(chance - expected[start + i]!) > 1e-12)
        if (wrong >= 0) failures.push(`chance ${chances[wrong]} instead of ${expected[start + wrong]}`)
      }
      return mask.subarray(start, next)
    }
  }
}

export const tensorMergeOps = { merge_method: mergeMethod } satisfies Record<string, OpRunner>
