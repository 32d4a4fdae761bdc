import type { FusionError } from '../../../../contract/errors'
import { noWeights, wholeProgram } from './refusals'
import { asTensor } from './torch-tensor'
import { BuiltObject, GlobalName, PickleDict, PickleList, PickleTuple, type PickleValue } from './values'

/** The dict of textual inversions (the first program's, A1111's), whose name says what its one tensor is. */
const INVERSION_KEY = 'string_to_param'
/** Keys under which programs save a model's weights; the first that holds tensors counts. */
const WEIGHTS_KEYS = [
  ...['state_dict', 'model_state_dict', 'model', 'module', 'params_ema', 'params', 'net', 'ema'],
  INVERSION_KEY,
]
/** Programs wrap what others have wrapped. */
const MOST_LEVELS = 4
const NAMES_SHOWN = 8
const CLASSES_SHOWN = 4
/** Items of a value that are looked at for their classes. */
const ITEMS_SHOWN = 16

/** The weights in a file of PyTorch. */
export interface StateDict {
  tensors: [name: string, tensor: BuiltObject][]
  /** What is not read, in words. */
  leftAside: string[]
}

type Entry = readonly [PickleValue, PickleValue]

/**
 * Finds the weights in a pickle: a dict of tensors by name, or such a dict in the checkpoint of a training. All else
 * (counters, callbacks, states of optimizers, other copies) is named.
 *
 * @throws FusionError 'unsupported' where it holds no weights, by what it holds instead
 */
export function findStateDict(root: PickleValue, path: string): StateDict {
  const leftAside: string[] = []
  const tests = new TensorTests()
  let dict = dictOf(root)
  if (!dict) throw otherThanDict(root, path)
  let prefix = ''
  for (let level = 0; level < MOST_LEVELS; level++) {
    const key = tests.weightsKey(dict)
    if (key === undefined) break
    const others = [...dict.entries()].filter(([name]) => name !== key)
    if (others.length > 0) leftAside.push(`what belongs to a training or to other programs (${inWords(others)})`)
    if (key === INVERSION_KEY) prefix = `${key}.`
    dict = dictOf(dict.get(key)) as PickleDict
  }
  const tensors: [string, BuiltObject][] = []
  const others: Entry[] = []
  for (const [name, value] of dict.entries()) {
    const tensor = asTensor(value)
    if (typeof name === 'string' && tensor) tensors.push([prefix + name, tensor])
    else others.push([name, value])
  }
  if (tensors.length === 0 || isBesideWeights(dict, tests)) throw otherThanTensors(dict, tests, path)
  if (others.length > 0) leftAside.push(`what is no tensor with a name (${inWords(others)})`)
  return { tensors, leftAside }
}

/** How many tensors dicts hold: each is looked through once, however many others hold it. */
class TensorTests {
  private readonly direct = new Map<PickleDict, { all: number; ofNetworks: number }>()
  private readonly wrapped = new Map<PickleDict, number>()

  /**
   * The key of a dict under which its weights are: a usual one, or the only one. undefined where its own tensors are
   * the weights. A tensor beside the weights (a counter, a random state) has no dot in its name, a network's has.
   */
  weightsKey(dict: PickleDict): string | undefined {
    const usual = WEIGHTS_KEYS.find((key) => this.tensorsUnder(dict.get(key)) > 0)
    const keys = usual === undefined ? this.keysOfTensors(dict) : [usual]
    const [key] = keys
    if (key === undefined || keys.length > 1) return undefined
    const own = this.tensorsIn(dict).ofNetworks
    return own > 0 && own >= this.tensorsUnder(dict.get(key)) ? undefined : key
  }

  keysOfTensors(dict: PickleDict): string[] {
    const keys: string[] = []
    for (const [key, value] of dict.entries())
      if (typeof key === 'string' && this.tensorsUnder(value) > 0) keys.push(key)
    return keys
  }

  /** The tensors directly in a dict, and those among them that have a network's names. */
  tensorsIn(dict: PickleDict): { all: number; ofNetworks: number } {
    const known = this.direct.get(dict)
    if (known) return known
    const counts = { all: 0, ofNetworks: 0 }
    for (const [name, value] of dict.entries()) {
      if (asTensor(value) === undefined) continue
      counts.all++
      if (typeof name === 'string' && name.includes('.')) counts.ofNetworks++
    }
    this.direct.set(dict, counts)
    return counts
  }

  /** The most tensors of a value that is a dict with tensors in it, or under the usual keys in it; 0 of all else. */
  private tensorsUnder(value: PickleValue | undefined, level = 1): number {
    const dict = dictOf(value)
    if (!dict) return 0
    const known = this.wrapped.get(dict)
    if (known !== undefined) return known
    this.wrapped.set(dict, 0) // a dict that holds itself
    const inner = level < MOST_LEVELS ? WEIGHTS_KEYS.map((key) => this.tensorsUnder(dict.get(key), level + 1)) : []
    const found = Math.max(this.tensorsIn(dict).all, ...inner)
    this.wrapped.set(dict, found)
    return found
  }
}

const DICTS = /^(?:collections|builtins|__builtin__)\.(?:OrderedDict|defaultdict|Counter|dict)$/

/** A dict, or an object that is one: an OrderedDict and its kin, the parameters of a ParameterDict. */
function dictOf(value: PickleValue | undefined): PickleDict | undefined {
  if (value instanceof PickleDict) return value
  if (!(value instanceof BuiltObject)) return undefined
  if (DICTS.test(value.maker.path)) return (value.items ??= pairsOf(value))
  if (value.maker.name !== 'ParameterDict' || !(value.state instanceof PickleDict)) return undefined
  const parameters = value.state.get('_parameters')
  if (parameters instanceof PickleDict) return parameters
  return parameters instanceof BuiltObject && DICTS.test(parameters.maker.path) ? dictOf(parameters) : undefined
}

/** Python 2 pickled an OrderedDict as a list of its pairs. */
function pairsOf({ args }: BuiltObject): PickleDict {
  const dict = new PickleDict()
  for (const pair of itemsOf(args[0])) {
    const [key, value] = itemsOf(pair)
    if (key !== undefined && value !== undefined) dict.set(key, value)
  }
  return dict
}

function itemsOf(value: PickleValue | undefined): readonly PickleValue[] {
  return value instanceof PickleList || value instanceof PickleTuple ? value.items : []
}

function otherThanDict(root: PickleValue, path: string): FusionError {
  if (root instanceof GlobalName) return noWeights(path, `a pickle of the name ${root.path} alone`)
  if (!(root instanceof BuiltObject)) return noWeights(path, 'a pickle without weights by name')
  if (asTensor(root)) return noWeights(path, 'one tensor without a name')
  if (isModule(root)) return wholeProgram(path, root.maker.path)
  return noWeights(path, `a pickled object of the class ${root.maker.path}`)
}

function otherThanTensors(dict: PickleDict, tests: TensorTests, path: string): FusionError {
  for (const [key, value] of dict.entries()) {
    if (value instanceof BuiltObject && isModule(value)) return wholeProgram(path, value.maker.path)
    if (typeof key === 'number' && value instanceof PickleTuple)
      return noWeights(path, 'a hypernetwork, which is not supported')
  }
  const keys = tests.keysOfTensors(dict)
  if (keys.length < 2) return noWeights(path, 'a PyTorch file without weights by name')
  return noWeights(path, `a file of several sets of weights (${keys.slice(0, NAMES_SHOWN).join(', ')})`)
}

/** Whether no tensor in a dict is a network's, and what may be its weights is in a module, or in several sets. */
function isBesideWeights(dict: PickleDict, tests: TensorTests): boolean {
  if (tests.tensorsIn(dict).ofNetworks > 0) return false
  const hasModule = [...dict.entries()].some(([, value]) => value instanceof BuiltObject && isModule(value))
  return hasModule || tests.keysOfTensors(dict).length > 1
}

/** An object with its modules, rather than tensors by name. */
function isModule({ state }: BuiltObject): boolean {
  return state instanceof PickleDict && state.get('_modules') !== undefined
}

function inWords(entries: readonly Entry[]): string {
  const shown = entries.slice(0, NAMES_SHOWN)
  const names = shown.map(([key]) => (typeof key === 'object' ? 'a key that is no name' : String(key)))
  const more = entries.length > NAMES_SHOWN ? [`… (${entries.length} in all)`] : []
  const classes = [...new Set(shown.flatMap(([, value]) => classesIn(value)))].slice(0, CLASSES_SHOWN)
  const objects = classes.length > 0 ? `; objects of ${classes.join(', ')}` : ''
  return [...names, ...more].join(', ') + objects
}

/** Classes at the top of a value: its own, and those of its first keys and items. */
function classesIn(value: PickleValue): string[] {
  const near: PickleValue[] = [value, ...itemsOf(value).slice(0, ITEMS_SHOWN)]
  for (const entry of value instanceof PickleDict ? value.entries() : []) {
    if (near.length > ITEMS_SHOWN) break
    near.push(...entry)
  }
  return near.flatMap((one) => {
    if (one instanceof GlobalName) return [one.path]
    return one instanceof BuiltObject && !asTensor(one) && !DICTS.test(one.maker.path) ? [one.maker.path] : []
  })
}
