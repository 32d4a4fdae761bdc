import { BYTES_PER_ELEMENT, type ElementType } from '../../../tensor/element-type'
import { GlobalName, type PickleValue } from './values'

/** A type of PyTorch's tensors. */
export interface TorchType {
  /** As PyTorch calls it, without `torch.`. */
  name: string
  bytes: number
  /** undefined where nothing here computes with it. */
  elementType?: ElementType
}

const ours = (name: string, elementType: ElementType): TorchType => ({
  name,
  elementType,
  bytes: BYTES_PER_ELEMENT[elementType],
})

const TYPES: ReadonlyMap<string, TorchType> = new Map(
  [
    ours('float64', 'F64'),
    ours('float32', 'F32'),
    ours('float16', 'F16'),
    ours('bfloat16', 'BF16'),
    ours('float8_e4m3fn', 'F8_E4M3'),
    ours('float8_e5m2', 'F8_E5M2'),
    ours('int64', 'I64'),
    ours('int32', 'I32'),
    ours('int16', 'I16'),
    ours('int8', 'I8'),
    ours('uint64', 'U64'),
    ours('uint32', 'U32'),
    ours('uint16', 'U16'),
    ours('uint8', 'U8'),
    ours('bool', 'BOOL'),
    { name: 'float8_e4m3fnuz', bytes: 1 },
    { name: 'float8_e5m2fnuz', bytes: 1 },
    { name: 'float8_e8m0fnu', bytes: 1 },
    { name: 'float4_e2m1fn_x2', bytes: 1 },
    { name: 'complex32', bytes: 4 },
    { name: 'complex64', bytes: 8 },
    { name: 'complex128', bytes: 16 },
    { name: 'qint8', bytes: 1 },
    { name: 'quint8', bytes: 1 },
    { name: 'qint32', bytes: 4 },
    { name: 'quint4x2', bytes: 1 },
    { name: 'quint2x4', bytes: 1 },
  ].map((type) => [type.name, type]),
)

/** Types by the names of their storages. */
const STORAGES: Readonly<Record<string, string>> = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
  UntypedStorage: 'uint8',
  ComplexFloatStorage: 'complex64',
  ComplexDoubleStorage: 'complex128',
  QInt8Storage: 'qint8',
  QUInt8Storage: 'quint8',
  QInt32Storage: 'qint32',
  QUInt4x2Storage: 'quint4x2',
  QUInt2x4Storage: 'quint2x4',
}

/** The type of a storage, by its class: `torch.HalfStorage`, `torch.cuda.HalfStorage`, `torch.storage.UntypedStorage`. */
export function typeOfStorage(value: PickleValue | undefined): TorchType | undefined {
  if (!(value instanceof GlobalName) || !/^torch(?:\.cuda|\.storage)?$/.test(value.module)) return undefined
  return Object.hasOwn(STORAGES, value.name) ? TYPES.get(STORAGES[value.name] as string) : undefined
}

/** The type that a name such as `torch.float8_e4m3fn` means. */
export function typeOfName(value: PickleValue | undefined): TorchType | undefined {
  return value instanceof GlobalName && value.module === 'torch' ? TYPES.get(value.name) : undefined
}
