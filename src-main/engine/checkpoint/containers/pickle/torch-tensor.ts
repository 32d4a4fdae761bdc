import { FusionError } from '../../../../contract/errors'
import { elementCount, spanOf, type ElementType } from '../../../tensor/element-type'
import { malformedPickle } from './byte-reader'
import { isCount, storageReference, type Storages } from './torch-storages'
import { typeOfName } from './torch-types'
import { BuiltObject, GlobalName, PersistentId, PickleDict, PickleTuple, type PickleValue } from './values'

/** Networks use 5 at most; PyTorch reads 64. */
const MOST_DIMENSIONS = 64
/** A parameter of a tensor: wrapped once or twice. */
const MOST_WRAPPERS = 4

const VIEW_OF_STORAGE = /^torch\._utils\._rebuild_tensor(?:_v[23])?$/
const PARAMETER = /^torch\._utils\._rebuild_parameter(?:_with_state)?$/
const OF_CLASS = /^torch\.(?:_tensor|tensor)\._rebuild_from_type(?:_v2)?$/
const ANY_TENSOR = /^torch\.(?:_utils|_tensor|tensor)\._rebuild_/
/** What a tensor is cut out of is read with it: so many times its own size at most, or so many bytes. */
const MOST_GAPS = 64
const SMALL_BYTES = 1e6
const FLAGS = ['conj', 'neg']
const PLAIN_CLASSES = ['torch.Tensor', 'torch._tensor.Tensor', 'torch.nn.parameter.Parameter', 'torch.nn.Parameter']

/** What a tensor is, and where its elements lie in the file. */
export interface TensorPlace {
  elementType: ElementType
  shape: readonly number[]
  /** First byte of its first element. */
  offset: number
  /** Elements times bytes per element. */
  byteLength: number
  /** Elements between neighbours along every axis, where they do not lie row-major. */
  strides?: readonly number[]
}

/** A value that is a tensor, of whatever form; undefined where it is something else. */
export function asTensor(value: PickleValue): BuiltObject | undefined {
  return value instanceof BuiltObject && ANY_TENSOR.test(value.maker.path) ? value : undefined
}

/**
 * What a pickled tensor is, and where a file has it. @param name for messages
 *
 * @throws FusionError 'unsupported' for tensors that are no view of plain numbers (quantised, sparse, of other classes,
 * complex); 'malformed' for one that does not lie in its storage
 */
export function placeOf(name: string, value: BuiltObject, storages: Storages, path: string): TensorPlace {
  const { maker, args } = withoutWrappers(value)
  if (!VIEW_OF_STORAGE.test(maker.path)) throw unsupported(name, path, `in a form of its own (${maker.path})`)
  const [storage, start, size, stride] = args
  const isV3 = maker.name.endsWith('v3')
  const shape = counts(size)
  const strides = counts(stride)
  if (!(storage instanceof PersistentId) || !isCount(start) || !shape || strides?.length !== shape.length)
    throw malformedPickle(path, `tensor ${name} has no place`)
  refuseFlags(args[isV3 ? 7 : 6], name, path)
  const reference = storageReference(storage, path)
  const type = isV3 ? typeOfName(args[6]) : reference.type
  if (!type?.elementType) throw unsupported(name, path, `as ${type?.name ?? 'a type that is not known'}`)
  const place = storages.find(reference)
  const first = (reference.part?.start ?? 0) * reference.type.bytes
  const last = reference.part ? first + reference.part.count * reference.type.bytes : place.byteLength
  const count = elementCount(shape)
  const span = spanOf(shape, strides)
  if (!isCount(span) || first + (start + span) * type.bytes > last)
    throw malformedPickle(path, `tensor ${name} does not lie in its storage`)
  if (!isCount(count) || count > span) {
    // An export would be larger than what it was made of, without any bound.
    throw unsupported(name, path, 'with elements that stand for several (expanded)')
  }
  if (span > MOST_GAPS * count && span * type.bytes > SMALL_BYTES)
    throw unsupported(name, path, `as every ${Math.floor(span / count)}th number of a larger one`)
  return {
    elementType: type.elementType,
    shape,
    offset: place.offset + first + start * type.bytes,
    byteLength: count * type.bytes,
    ...(!isRowMajor(shape, strides) && { strides }),
  }
}

/** Parameters and tensors with attributes hold the tensor that they are. */
function withoutWrappers(value: BuiltObject): BuiltObject {
  let inner = value
  for (let depth = 0; depth < MOST_WRAPPERS; depth++) {
    const [first, tensorClass, args] = inner.args
    if (PARAMETER.test(inner.maker.path) && first instanceof BuiltObject) inner = first
    else if (!OF_CLASS.test(inner.maker.path)) return inner
    else if (
      first instanceof GlobalName &&
      args instanceof PickleTuple &&
      tensorClass instanceof GlobalName &&
      PLAIN_CLASSES.includes(tensorClass.path)
    )
      inner = new BuiltObject(first, args.items)
    else return inner
  }
  return inner
}

/** The numbers of a shape, a tuple or torch.Size; undefined where they are none. */
function counts(value: PickleValue | undefined): number[] | undefined {
  const isSize = value instanceof BuiltObject && value.maker.path === 'torch.Size'
  const tuple = isSize ? value.args[0] : value
  if (!(tuple instanceof PickleTuple) || tuple.items.length > MOST_DIMENSIONS) return undefined
  return tuple.items.every(isCount) ? [...tuple.items] : undefined
}

/** Tensors that are read as the conjugate or the negative of what is stored. */
function refuseFlags(flags: PickleValue | undefined, name: string, path: string): void {
  if (flags === undefined || flags === null) return
  const isPlain = flags instanceof PickleDict && FLAGS.every((flag) => !flags.get(flag))
  if (!isPlain) throw unsupported(name, path, 'as the conjugate or the negative of what is stored')
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis]! > 1 && strides[axis] !== expected) return false
    expected *= shape[axis]!
  }
  return true
}

function unsupported(name: string, path: string, how: string): FusionError {
  return new FusionError('unsupported', `Tensor ${name} of ${path} is stored ${how}.`, {
    hint: 'Use a file of the model with plain float32, float16 or bfloat16 weights.',
  })
}
