import { FusionError } from '../../contract/errors'
import type { MERGEABLE_COMPONENTS, MethodName, MethodSettings, OutputType } from '../../contract/document/project'
import { asName, MOST_MODELS } from '../../contract/values/limits'
import { isWeightsName } from '../../contract/document/names/model-names'

/** A model of another program's recipe. */
export interface ForeignModel {
  name: string
  /** Of its file; null where the recipe does not say it. */
  sha256: string | null
  /** Where the recipe says that it lies; a path of whatever machine wrote it, or a repository's name. */
  place: string
  weight: number
  blocks: Readonly<Record<string, number>>
}

/** A merge of another program, as one of this program. */
export interface ForeignRecipe {
  method: { name: MethodName } & Partial<MethodSettings>
  /** Base first. */
  models: readonly ForeignModel[]
  dtype: OutputType
  /** The parts that it merges; null where that depends on the models. */
  parts: readonly (typeof MERGEABLE_COMPONENTS)[number][] | null
}

/** Why a recipe does not become a project: what of it, and what to do. */
export class Refusal extends Error {
  /** @param because goes on after a colon, and names what of the recipe it is about */
  constructor(
    readonly because: string,
    readonly hint: string,
    readonly kind: 'unsupported' | 'malformed' = 'unsupported',
  ) {
    super(because)
  }
}

/** What helps where one step is not known: the result of the other program is a model like any other. */
export const OPEN_RESULT_HINT = 'Add the file that it wrote as a model instead.'

/**
 * What `read` gives, with a Refusal in words for people.
 * @param path the file that holds the recipe
 * @throws FusionError 'unsupported', 'malformed'
 */
export function readAsRecipe<Result>(path: string, program: string, read: () => Result): Result {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause
    const words = cause.kind === 'malformed' ? 'is damaged' : 'cannot become a project'
    throw new FusionError(cause.kind, `The recipe of ${program} in ${path} ${words}: ${cause.because}.`, {
      hint: cause.hint,
      cause,
    })
  }
}

/** PyTorch's names of the types that an output can have here. */
const TORCH_TYPES: Readonly<Record<string, OutputType>> = { float16: 'fp16', bfloat16: 'bf16', float32: 'fp32' }

/** The output type that PyTorch names so; undefined where no output can have it. */
export function typeOfTorch(name: string): OutputType | undefined {
  return Object.hasOwn(TORCH_TYPES, name) ? TORCH_TYPES[name] : undefined
}

export function tooManyModels(): Refusal {
  return new Refusal(`it has more than ${MOST_MODELS} models`, 'Merge some of them to a file first.')
}

/** The name of a model that a recipe names by a path of any system, or as a repository. */
export function nameOfPlace(place: string): string {
  const last = place.split(/[\\/]/).findLast((part) => part !== '') ?? place
  return asName(isWeightsName(last) ? last.slice(0, last.lastIndexOf('.')) : last)
}
