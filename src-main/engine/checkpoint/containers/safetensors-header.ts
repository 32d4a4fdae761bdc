import { FusionError } from '../../../contract/errors'
import { JsonReader } from './json-reader'

/** Bits per element of every element type of safetensors 0.8.0, ours or not. */
const BITS_PER_ELEMENT: ReadonlyMap<string, number> = new Map(
  Object.entries({
    BOOL: 8,
    F4: 4,
    F6_E2M3: 6,
    F6_E3M2: 6,
    U8: 8,
    I8: 8,
    F8_E5M2: 8,
    F8_E4M3: 8,
    F8_E8M0: 8,
    F8_E4M3FNUZ: 8,
    F8_E5M2FNUZ: 8,
    I16: 16,
    U16: 16,
    F16: 16,
    BF16: 16,
    I32: 32,
    U32: 32,
    F32: 32,
    C64: 64,
    F64: 64,
    I64: 64,
    U64: 64,
  }),
)

const U64_MAX = 0xffff_ffff_ffff_ffffn
/** The largest files have some thousand. The library limits the header's length alone: 100 MB of it are two million. */
const MOST_TENSORS = 200_000

/** A tensor as a header describes it; `elementType` is any of the format's, supported here or not. */
export interface HeaderTensor {
  name: string
  elementType: string
  shape: number[]
  /** First byte of the data, counted from the end of the header. */
  begin: number
  byteLength: number
}

export interface SafetensorsHeader {
  metadata: Record<string, string>
  /** In the order of their data. */
  tensors: HeaderTensor[]
}

type Unsigned = number | bigint

interface TensorInfo {
  elementType: string
  shape: Unsigned[]
  begin: Unsigned
  end: Unsigned
}

/**
 * Parses the JSON header of a safetensors file by the rules of the safetensors library 0.8.0 (tensor.rs: serde's reading
 * of HashMetadata, then Metadata::validate and the comparison with the length of the file).
 *
 * @param bytes the header alone, without its 8-byte length
 * @param dataLength bytes that follow the header in the file
 * @param source how errors name the file
 * @throws FusionError 'malformed'; 'unsupported' for a dimension of 2^53 or more (possible in an empty tensor only)
 */
export function parseHeader(bytes: Uint8Array, dataLength: number, source: string): SafetensorsHeader {
  const reader = new JsonReader(decodeUtf8(bytes, source), `The safetensors header of ${source}`)
  let metadata: Record<string, string> | undefined
  const infos = new Map<string, TensorInfo>()
  reader.object((name) => {
    if (name !== '__metadata__') {
      if (infos.size >= MOST_TENSORS) reader.fail(`more than ${MOST_TENSORS} tensors`)
      infos.set(name, readTensorInfo(reader)) // of two tensors with one name the later counts, as in the library
      return
    }
    if (metadata) reader.fail('__metadata__ twice')
    metadata = readMetadata(reader)
  })
  reader.end()
  return { metadata: metadata ?? {}, tensors: checkLayout(infos, dataLength, source) }
}

function decodeUtf8(bytes: Uint8Array, source: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw malformed(source, 'its header is not UTF-8', cause)
  }
}

function readMetadata(reader: JsonReader): Record<string, string> {
  if (reader.peek() === 'n') {
    reader.literal('null')
    return {}
  }
  const entries: [string, string][] = []
  reader.object((key) => entries.push([key, reader.string()]))
  return Object.fromEntries(entries)
}

/** An object with the three fields, others ignored, or an array of the three: serde reads a struct from both. */
function readTensorInfo(reader: JsonReader): TensorInfo {
  const fields: TensorFields = {}
  if (reader.peek() === '[') {
    reader.array((index) => readField(reader, fields, FIELD_NAMES[index] ?? reader.fail('more than three fields')))
  } else {
    reader.object((key) => {
      const name = FIELD_NAMES.find((field) => field === key)
      if (name) readField(reader, fields, name)
      else reader.skip()
    })
  }
  const { dtype, shape, data_offsets } = fields
  if (dtype === undefined) reader.fail('dtype is missing')
  if (shape === undefined) reader.fail('shape is missing')
  const [begin, end] = data_offsets ?? []
  if (begin === undefined || end === undefined || data_offsets?.length !== 2) {
    reader.fail('data_offsets must be two numbers')
  }
  return { elementType: dtype, shape, begin, end }
}

const FIELD_NAMES = ['dtype', 'shape', 'data_offsets'] as const

interface TensorFields {
  dtype?: string
  shape?: Unsigned[]
  data_offsets?: Unsigned[]
}

function readField(reader: JsonReader, fields: TensorFields, name: (typeof FIELD_NAMES)[number]): void {
  if (fields[name] !== undefined) reader.fail(`${name} twice`)
  if (name === 'dtype') fields.dtype = readElementType(reader)
  else fields[name] = readIntegers(reader)
}

/** A string, or serde's other form of an enum without content: {"F32": null}. */
function readElementType(reader: JsonReader): string {
  let name: string | undefined
  if (reader.peek() === '{') {
    reader.object((key) => {
      if (name !== undefined) reader.fail('dtype has two values')
      name = key
      reader.literal('null')
    })
  } else name = reader.string()
  if (name === undefined || !BITS_PER_ELEMENT.has(name)) reader.fail(`unknown dtype ${JSON.stringify(name)}`)
  return name
}

function readIntegers(reader: JsonReader): Unsigned[] {
  const values: Unsigned[] = []
  reader.array(() => values.push(reader.unsigned()))
  return values
}

/** Tensors sorted by their data, which must fill the file without holes or overlaps, each as long as its shape says. */
function checkLayout(infos: Map<string, TensorInfo>, dataLength: number, source: string): HeaderTensor[] {
  const sorted = [...infos].sort(([, a], [, b]) => compare(a.begin, b.begin) || compare(a.end, b.end))
  let position: Unsigned = 0
  const tensors = sorted.map(([name, { elementType, shape, begin, end }]): HeaderTensor => {
    if (begin !== position || end < begin) throw malformed(source, `tensor ${name} overlaps another or leaves a hole`)
    position = end
    const byteLength = byteLengthOf(elementType, shape)
    if (byteLength === undefined)
      throw malformed(source, `the shape of tensor ${name} is too large or does not fill whole bytes`)
    if (minus(end, begin) !== byteLength) {
      throw malformed(source, `the data of tensor ${name} is not as long as its shape and type say`)
    }
    return { name, elementType, shape: shape.map(Number), begin: Number(begin), byteLength: Number(byteLength) }
  })
  if (position !== dataLength) {
    const cut = tensors.find(({ begin, byteLength }) => begin + byteLength > dataLength)
    const place = cut ? `; it ends in the tensor ${cut.name} or before it` : ''
    throw malformed(source, `its header describes ${position} bytes of tensors, the file holds ${dataLength}${place}`)
  }
  for (const { name, shape } of tensors) {
    if (!shape.every(Number.isSafeInteger)) {
      throw new FusionError('unsupported', `Tensor ${name} of ${source} has a dimension of 2^53 or more.`)
    }
  }
  return tensors
}

function compare(a: Unsigned, b: Unsigned): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Bytes of a tensor; undefined where the number of bits overflows 64 bits (on the way, too) or is not whole bytes. */
function byteLengthOf(elementType: string, shape: Unsigned[]): Unsigned | undefined {
  let count: Unsigned = 1
  for (const size of shape) {
    count = times(count, size)
    if (count > U64_MAX) return undefined
  }
  const bits = times(count, BITS_PER_ELEMENT.get(elementType) ?? 0)
  if (typeof bits === 'number') return bits % 8 === 0 ? bits / 8 : undefined
  return bits > U64_MAX || bits % 8n !== 0n ? undefined : smallest(bits / 8n)
}

function times(a: Unsigned, b: Unsigned): Unsigned {
  const product = Number(a) * Number(b)
  return Number.isSafeInteger(product) ? product : smallest(BigInt(a) * BigInt(b))
}

function minus(a: Unsigned, b: Unsigned): Unsigned {
  return typeof a === 'number' && typeof b === 'number' ? a - b : smallest(BigInt(a) - BigInt(b))
}

/** A number wherever one can hold the value, so that equal values are identical. */
function smallest(value: bigint): Unsigned {
  return value > Number.MAX_SAFE_INTEGER ? value : Number(value)
}

function malformed(source: string, what: string, cause?: unknown): FusionError {
  return new FusionError('malformed', `${source} is not a valid safetensors file: ${what}.`, {
    hint: 'The file is damaged or incomplete. Download or export it again.',
    ...(cause !== undefined && { cause }),
  })
}
