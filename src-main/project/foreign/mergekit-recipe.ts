import { FusionError } from '../../contract/errors'
import type { OutputType } from '../../contract/document/project'
import { asProjectRecipe } from './checked-recipe'
import {
  nameOfPlace,
  OPEN_RESULT_HINT,
  readAsRecipe,
  Refusal,
  typeOfTorch,
  type ForeignModel,
  type ForeignRecipe,
} from './foreign-recipe'
import { parseMergekitConfig, type MergekitConfig, type MergekitModel } from './mergekit-config'

/** Base first, then specialists with their weights. */
interface MergekitMerge {
  method: ForeignRecipe['method']
  models: readonly { model: MergekitModel; weight: number }[]
}

/** mergekit takes sums of weights below as nothing to divide by. */
const LEAST_SUM = 1e-8
/** … and NuSLERP this. */
const LEAST_NUSLERP_SUM = 1e-6

/** mergekit 0.1.5's methods that are read; presets are its own. */
const METHODS: Readonly<Record<string, (config: MergekitConfig) => MergekitMerge>> = {
  linear,
  task_arithmetic: (config) => added(config, { name: 'task-arithmetic' }, shared(config)),
  ties(config) {
    const [normalize, rescale] = [config.flag('normalize', true), config.flag('rescale', false)]
    if (!normalize) throw withoutLike('normalize: false', 'TIES here divides by the weights of those that agree')
    if (rescale) throw withoutLike('rescale: true', 'TIES here does not scale what it keeps')
    return added(config, { name: 'ties', tiesForm: 'mergekit', sign: 'sum', density: density(config) })
  },
  dare_ties(config) {
    requireNoDivision(config)
    return added(config, { name: 'dare-ties', ...dropped(config) })
  },
  dare_linear: (config) => added(config, { name: 'dare', ...dropped(config) }, shared(config)),
  breadcrumbs: (config) => added(config, { name: 'breadcrumbs', ...masked(config) }, shared(config)),
  breadcrumbs_ties(config) {
    requireNoDivision(config)
    return added(config, { name: 'breadcrumbs-ties', ...masked(config) })
  },
  della(config) {
    if (!config.flag('normalize', true)) {
      throw withoutLike('normalize: false', 'DELLA here divides by the weights of those that agree')
    }
    return added(config, { name: 'della', ...drawn(config) })
  },
  della_linear: (config) => added(config, { name: 'della-linear', ...drawn(config) }, shared(config)),
  sce(config) {
    const kept = Math.min(1, config.number('select_topk', 1))
    if (kept <= 0) throw withoutLike(`select_topk: ${kept}`, 'it keeps nothing')
    return equally(config, { name: 'sce', density: kept })
  },
  ram: (config) => equally(config, { name: 'ram', leastChange: config.number('epsilon', 1e-5) }),
  ramplus_tl: (config) =>
    equally(config, {
      name: 'ram',
      leastChange: config.number('epsilon', 1e-5),
      boost: config.number('r', 0.1),
      boostLimit: config.number('alpha', 0.2),
    }),
  model_stock: (config) =>
    equally(config, { name: 'model-stock', stockForm: config.flag('filter_wise', false) ? 'rows' : 'tensor' }),
  slerp(config) {
    const t = config.number('t')
    const { requiredBase: base, specialists } = config
    return merge({ name: 'slerp', slerpForm: 'mergekit' }, base, specialists, equal(specialists, t))
  },
  nuslerp,
  multislerp(config) {
    const weightsAs = config.flag('normalize_weights', true) ? 'shares' : 'factors'
    if (config.number('eps', 1e-8) !== 1e-8) throw withoutLike('eps', 'it is 1e-8 here')
    const { base, specialists } = config
    const weights = config.weights(specialists)
    if (weightsAs === 'shares' && weights.every((weight) => weight === 0)) {
      throw withoutLike('weights of 0', 'they are divided by their sum')
    }
    if (base) return merge({ name: 'multislerp', origin: 'base', weightsAs }, base, specialists, weights, 0)
    return ofAll(specialists, { name: 'multislerp', origin: 'zero', weightsAs }, weights)
  },
  karcher: (config) =>
    ofAll(
      config.inputs,
      {
        name: 'karcher',
        weightsAs: 'shares',
        iterations: config.number('max_iter', 10),
        tolerance: config.number('tol', 1e-5),
      },
      equal(config.inputs, 1),
    ),
}

/**
 * A configuration of mergekit (mergekit_config.yml), also of its mergekit-pytorch for files of weights.
 * @throws FusionError 'unsupported', with the name of what does not exist here; 'malformed'
 */
export function readMergekitRecipe(path: string, text: string): ForeignRecipe {
  return readAsRecipe(path, 'mergekit', () => {
    const config = parseMergekitConfig(text)
    if (!config) {
      throw new FusionError('unsupported', `${path} is no recipe of mergekit or sd-mecha.`, {
        hint: 'A recipe of mergekit is YAML with “merge_method”; one of sd-mecha begins with “version 0.1.0”.',
      })
    }
    const read = Object.hasOwn(METHODS, config.method) ? METHODS[config.method] : undefined
    if (!read) {
      throw new Refusal(`“${config.method.slice(0, 80)}” is none of the methods here`, OPEN_RESULT_HINT)
    }
    const { method, models } = read(config)
    return asProjectRecipe({ method, models: models.map(foreignModel), dtype: typeOf(config), parts: null })
  })
}

function foreignModel({ model: { place }, weight }: MergekitMerge['models'][number]): ForeignModel {
  return { name: nameOfPlace(place), sha256: null, place, weight, blocks: {} }
}

function typeOf({ type }: MergekitConfig): OutputType {
  if (type === null) return 'same'
  const own = typeOfTorch(type)
  if (!own) throw withoutLike(`dtype: ${type.slice(0, 20)}`, 'outputs are float16, bfloat16 or float32 here')
  return own
}

/** Weights are divided by their sum, or are shares as they are. */
function linear(config: MergekitConfig): MergekitMerge {
  const { inputs } = config
  const weights = config.weights(inputs)
  const sum = sumOf(weights)
  const normalize = config.flag('normalize', true)
  if (normalize ? Math.abs(sum) < LEAST_SUM : Math.abs(sum - 1) > LEAST_SUM) {
    throw withoutLike(`weights that add up to ${sum}`, 'a model is made of shares of 1 here')
  }
  if (normalize && weights.every((weight) => weight >= 0)) {
    return ofAll(inputs, { name: 'soup' }, weights)
  }
  // Negative weights, and weights as they are: the base has what the others leave of 1.
  return ofAll(inputs, { name: 'weighted-sum' }, divided(weights, normalize ? sum : 1))
}

function nuslerp(config: MergekitConfig): MergekitMerge {
  const isWhole = config.flag('nuslerp_flatten', true)
  const axis = isWhole ? 'tensor' : config.flag('nuslerp_row_wise', false) ? 'columns' : 'rows'
  const { base, specialists } = config
  const weights = config.weights(specialists)
  const sum = sumOf(weights)
  const isHalf = Math.abs(sum) < LEAST_NUSLERP_SUM
  if (base) return merge({ name: 'nuslerp', axis }, base, specialists, isHalf ? equal(specialists, 1) : weights)
  const [first, ...others] = specialists
  const part = isHalf ? 0.5 : weights[1]! / sum
  return merge({ name: 'slerp', slerpForm: 'nuslerp', axis }, first!, others, equal(others, part))
}

/** What generalised task arithmetic does with all methods: weighted changes, times lambda. */
function added(config: MergekitConfig, method: MergekitMerge['method'], divisor = 1): MergekitMerge {
  const { requiredBase: base, specialists } = config
  const weights = divided(config.weights(specialists), divisor)
  return merge({ ...method, scale: config.number('lambda', 1) }, base, specialists, weights)
}

/** The sum by which `normalize` divides where all changes count. */
function shared(config: MergekitConfig): number {
  if (!config.flag('normalize', false)) return 1
  const sum = sumOf(config.weights(config.specialists))
  return Math.abs(sum) < LEAST_SUM ? 1 : sum
}

function requireNoDivision(config: MergekitConfig): void {
  if (config.flag('normalize', false)) {
    throw withoutLike('normalize: true', `“${config.method}” is a sum here; use a lambda of 1 / the number of models`)
  }
}

function density(config: MergekitConfig): number {
  const kept = Math.min(1, config.same('density', 1))
  if (kept <= 0) throw withoutLike(`density: ${kept}`, 'it keeps nothing')
  return kept
}

/** DARE: mergekit scales to the L1 norm of before. */
function dropped(config: MergekitConfig): Pick<MergekitMerge['method'], 'density' | 'rescale'> {
  const kept = density(config)
  if (kept < 1 && !config.flag('rescale', true)) {
    throw withoutLike('rescale: false', 'what is kept always makes up for what is dropped here')
  }
  return { density: kept, rescale: 'l1' }
}

/** DELLA: the same, with chances by rank. Where everything is kept, there are no chances. */
function drawn(config: MergekitConfig): Pick<MergekitMerge['method'], 'density' | 'rescale' | 'chanceSpread'> {
  const all = dropped(config)
  const chanceSpread = config.same('epsilon', 0.15)
  if (all.density === 1) return { ...all, chanceSpread: 0 }
  if (all.density! + chanceSpread >= 1 || all.density! - chanceSpread <= 0) {
    throw withoutLike(`epsilon: ${chanceSpread}`, `density ± epsilon is not between 0 and 1`)
  }
  return { ...all, chanceSpread }
}

function masked(config: MergekitConfig): Pick<MergekitMerge['method'], 'density' | 'gamma'> {
  const kept = density(config)
  if (kept < 1 && config.flag('rescale', false)) throw withoutLike('rescale: true', 'what is kept stays as it is here')
  return { density: kept, gamma: config.same('gamma', 0.01) }
}

/** Methods without weights. */
function equally(config: MergekitConfig, method: MergekitMerge['method']): MergekitMerge {
  return merge(method, config.requiredBase, config.specialists, equal(config.specialists, 1))
}

/** Methods that need no base: the first of the models is it here. */
function ofAll(
  models: readonly MergekitModel[],
  method: MergekitMerge['method'],
  weights: readonly number[],
): MergekitMerge {
  return { method, models: models.map((model, index) => ({ model, weight: weights[index]! })) }
}

/** @param weights of the specialists */
function merge(
  method: MergekitMerge['method'],
  base: MergekitModel,
  specialists: readonly MergekitModel[],
  weights: readonly number[],
  baseWeight = 1,
): MergekitMerge {
  return ofAll([base, ...specialists], method, [baseWeight, ...weights])
}

function equal(models: readonly MergekitModel[], weight: number): number[] {
  return models.map(() => weight)
}

function divided(weights: readonly number[], divisor: number): number[] {
  return weights.map((weight) => weight / divisor)
}

function sumOf(weights: readonly number[]): number {
  return weights.reduce((total, weight) => total + weight, 0)
}

function withoutLike(what: string, because: string): Refusal {
  return new Refusal(`“${what}” does not exist here: ${because}`, OPEN_RESULT_HINT)
}
