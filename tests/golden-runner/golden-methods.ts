import { primaryModel, weighsBase } from '../../src-main/contract/methods/descriptor'
import { describedMethod, METHOD_NAMES, type MethodName } from '../../src-main/contract/methods/index'

type Values = Readonly<Record<string, unknown>>

/** A model of a case: `weight_0` …, or a merge of them. */
export type GoldenModel = number | 'merged'

/** What a method of the goldens is in the program. */
export interface GoldenMethod {
  name: MethodName
  /** Settings that make the method the golden's. */
  settings?: Values
  /** Parameters that have another key in the program, or other values. */
  keys?: Readonly<Record<string, string | ((value: unknown) => Values)>>
  /** Parameters that the program's method does not have, with the only value that it stands for. */
  fixed?: Values
  /** Weights of the models that are taken, base first; as the descriptor says where nothing is said. */
  weights?: readonly number[]
  /** Parameters that say what the weights are. */
  weighedBy?: readonly string[]
  /** The case's models that are taken, base first; as many as the method takes where nothing is said. */
  models?: readonly GoldenModel[]
}

/** Parameters of cases that say where they come from, or how clear their result is. */
const ABOUT = [
  'layer',
  'kind',
  'method',
  'models',
  'reference',
  'formula',
  'lambda',
  'condition',
  'amplification',
  'tangent_norms',
  'widest_angle',
  'gap',
  'margin',
  'divisible',
  'dropped',
  'factors',
  'merged_by',
  'least_singular_value',
  'singular_vector_signs',
  'least_kept',
  'largest_dropped',
]
/** Parameters that stand for weights in every method. */
const WEIGHTS = ['weights', 't']

const SIGN_OF_VOTE = { vote_sgn: (value: unknown) => ({ sign: value === true ? 'sum' : 'count' }) }
const SUMMED = { normalise: false }
const COSINE = { keys: { alpha: 'shift' }, fixed: { a: 0, b: 1 }, weights: [0, 1] }
const DELLA = { keys: { epsilon: 'chanceSpread' } }
const NUSLERP_KEYS = {
  axis: (value: unknown) => ({ axis: value === null ? 'tensor' : value === 0 ? 'columns' : 'rows' }),
  flatten: (value: unknown) => (value === true ? { axis: 'tensor' } : {}),
  row_wise: (value: unknown) => (value === true ? { axis: 'columns' } : {}),
}

/** The goldens' methods that have another name in the program, or parameters of other names. */
const METHODS: Readonly<Record<string, (params: Values) => GoldenMethod>> = {
  average: () => ({ name: 'soup' }),
  soup: () => ({ name: 'soup', weighedBy: ['alpha'] }),
  slerp: () => ({ name: 'slerp', settings: { slerpForm: 'sd-mecha' } }),
  slerp_mergekit: () => ({ name: 'slerp', settings: { slerpForm: 'mergekit' } }),
  nuslerp: ({ base, uses, weights }) => {
    const [first, second] = weights as [number, number]
    return base === null
      ? {
          name: 'slerp',
          settings: { slerpForm: 'nuslerp' },
          keys: NUSLERP_KEYS,
          models: uses as number[],
          weights: [0, second / (first + second)],
          weighedBy: ['uses', 'base'],
        }
      : {
          name: 'nuslerp',
          keys: NUSLERP_KEYS,
          models: [base as number, ...(uses as number[])],
          weights: [0, first, second],
          weighedBy: ['uses', 'base'],
        }
  },
  karcher: ({ alphas }) => ({
    name: 'karcher',
    settings: { weightsAs: 'factors' },
    keys: { max_iter: 'iterations', tol: 'tolerance' },
    weights: alphas as number[],
    weighedBy: ['alphas'],
  }),
  multislerp: ({ base, weights }) => ({
    name: 'multislerp',
    settings: { origin: base === null ? 'zero' : 'base' },
    keys: { normalise: (value: unknown) => ({ weightsAs: value === true ? 'shares' : 'factors' }) },
    weights: base === null ? (weights as number[]) : [0, ...(weights as number[])],
    weighedBy: ['base'],
  }),
  model_stock: () => ({ name: 'model-stock', settings: { stockForm: 'tensor' }, fixed: { row_wise: false } }),
  model_stock_rows: () => ({ name: 'model-stock', settings: { stockForm: 'rows' }, fixed: { row_wise: true } }),
  model_stock_mecha: () => ({ name: 'model-stock', settings: { stockForm: 'neighbours' } }),
  regmean: () => ({ name: 'regmean', keys: { rho: 'offDiagonals', ridge: 'gramRidge' }, weighedBy: ['alpha'] }),
  tsv: () => ({ name: 'tsv', weighedBy: ['k'] }),
  iso_cts: () => ({
    name: 'iso-cts',
    keys: { common_space_fraction: 'commonPart' },
    weighedBy: ['common', 'each'],
  }),
  score: () => ({ name: 'score', keys: { centre: 'outlierCentre' }, weighedBy: ['k'] }),
  svc: ({ models }) => ({
    name: 'svc',
    settings: { calibrated: 'first' },
    keys: { alpha: 'leastOverlap' },
    models: [0, 'merged', ...Array.from({ length: Number(models) - 1 }, (_, m) => m + 1)],
    weights: Array<number>(Number(models) + 1).fill(1),
  }),
  wudi_exact: () => ({
    name: 'data-free-regression',
    keys: { ridge: 'changeRidge' },
    weighedBy: ['rank'],
  }),
  np_lora: ({ content, style, models }) => ({
    name: 'np-lora',
    keys: {
      k: (value: unknown) => ({ styleDirections: value ?? 0 }),
      mu: (value: unknown) => (value === null ? {} : { projectionStrength: value }),
      hard: (value: unknown) => ({ projection: value === true ? 'hard' : 'soft' }),
    },
    // One-dimensional cases are the mean of all.
    models: content === undefined ? [...Array(Number(models)).keys()] : [0, content as number, style as number],
    weighedBy: ['content', 'style'],
  }),
  ties: () => ({ name: 'ties', settings: { tiesForm: 'mergekit' }, fixed: { normalise: true } }),
  ties_mecha: () => ({ name: 'ties', settings: { tiesForm: 'sd-mecha' }, keys: SIGN_OF_VOTE }),
  dare_linear: () => ({ name: 'dare', fixed: SUMMED }),
  dare_ties: () => ({ name: 'dare-ties', fixed: { ...SUMMED, sign: 'sum' } }),
  breadcrumbs: () => ({ name: 'breadcrumbs', fixed: { ...SUMMED, sign: null, rescale: null } }),
  breadcrumbs_ties: () => ({ name: 'breadcrumbs-ties', fixed: { ...SUMMED, sign: 'sum', rescale: null } }),
  della: () => ({ name: 'della', ...DELLA, fixed: { normalise: true, sign: 'sum' } }),
  della_linear: () => ({ name: 'della-linear', ...DELLA, fixed: SUMMED }),
  ram: () => ({ name: 'ram', keys: { epsilon: 'leastChange' } }),
  ramplus_tl: () => ({ name: 'ram', keys: { epsilon: 'leastChange', r: 'boost', alpha: 'boostLimit' } }),
  cosine_a: () => ({ name: 'cosine', settings: { similarity: 'columns' }, ...COSINE }),
  cosine_b: () => ({ name: 'cosine', settings: { similarity: 'mixed' }, ...COSINE }),
  add_cosine: () => ({ name: 'cosine', ...COSINE }),
  train_difference: ({ alpha = 1 }) => ({
    name: 'train-difference',
    fixed: { base: 0, a: 1, b: 2 },
    weights: [0, 1, alpha as number],
    weighedBy: ['alpha'],
  }),
}

/** The program's method for a golden's name and parameters; undefined where it has none. */
export function goldenMethod(params: Values): GoldenMethod | undefined {
  const golden = String(params['method'])
  const known = Object.hasOwn(METHODS, golden) ? METHODS[golden] : undefined
  if (known) return known(params)
  const name = METHOD_NAMES.find((own) => own.replaceAll('-', '_') === golden)
  return name && { name }
}

/** Settings that a case gives a method, and what is wrong with its parameters. */
export function settingsOf(method: GoldenMethod, params: Values): { settings: Values; failures: string[] } {
  const { name, keys = {}, fixed = {}, weighedBy = [] } = method
  const own = describedMethod(name).parameters.map(({ key }) => key)
  const settings: Record<string, unknown> = { ...method.settings }
  const failures: string[] = []
  const give = (key: string, value: unknown): void => {
    if (settings[key] !== undefined && settings[key] !== value)
      failures.push(`${key} is both ${String(settings[key])} and ${String(value)}`)
    settings[key] = value
  }
  for (const [param, value] of Object.entries(params)) {
    const key = keys[param]
    if (Object.hasOwn(fixed, param)) {
      if (fixed[param] !== value) failures.push(`${name} with ${param} ${String(value)} is not what the program has`)
    } else if (typeof key === 'function') for (const [ours, mapped] of Object.entries(key(value))) give(ours, mapped)
    else if (key !== undefined) give(key, value)
    else if (own.includes(param)) {
      if (value !== null) give(param, value)
    } else if (![...ABOUT, ...WEIGHTS, ...weighedBy].includes(param)) failures.push(`${name} has no parameter ${param}`)
  }
  return { settings, failures }
}

/** The weights of the models that are taken, base first. */
export function weightsOf({ name, weights }: GoldenMethod, params: Values, models: number): readonly number[] {
  if (weights) return weights
  const method = describedMethod(name)
  const t = Number(params['t'] ?? 1)
  if (weighsBase(method)) return (params['alpha'] as number[] | undefined) ?? Array<number>(models).fill(1)
  if (method.result.kind === 'average') return [0, t, ...Array<number>(models - 2).fill(0)]
  if (primaryModel(method) === 1) return [0, 1, t]
  return [0, ...((params['weights'] as number[] | undefined) ?? Array<number>(models - 1).fill(1))]
}
