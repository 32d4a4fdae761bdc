import { BYTES_PER_ELEMENT, elementCount, type ElementType } from '../tensor/element-type'
import {
  ATTRIBUTE_TYPE,
  EXTERNAL_DATA_LOCATION,
  ONNX_DATA_TYPE,
  encodeModel,
  type AttributeProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './onnx-schema'

/** A value of a graph (its name): what inputs, constants and nodes give, and nodes take. */
export type Value = string & { readonly __brand: 'onnx value' }

/** A dimension: fixed, or symbolic by name. */
export type Dimension = number | string

/** Integers are INT(S) attributes; `{ float: 1 }` and `{ floats: [1, 2] }` say FLOAT(S); other fractions are FLOAT. */
export type Attribute = number | string | readonly number[] | { float: number } | { floats: readonly number[] }

/** Where an initializer's data lies: a file relative to the session's external folder, and a run of bytes in it. */
export interface ExternalData {
  location: string
  offset: number
  length: number
}

const OPSET = 20
const IR_VERSION = 10

/** Operators of ONNX Runtime's own domain, com.microsoft, that the engine uses. */
const CONTRIB_OPERATORS = new Set([
  'MultiHeadAttention',
  'QuickGelu',
  'FusedMatMul',
  'GroupNorm',
  'NhwcConv',
  'BiasGelu',
])

/** Operators on blocks of channels, `nchwc/Conv` and the like, have the names of plain ones in a domain of their own. */
const BLOCKED = 'nchwc/'
const BLOCKED_DOMAIN = 'com.microsoft.nchwc'

/** Builds an ONNX graph (opset 20 and com.microsoft) in memory. Values are used in the order in which they are made. */
export class GraphBuilder {
  readonly #name: string
  readonly #nodes: NodeProto[] = []
  readonly #initializers: TensorProto[] = []
  readonly #inputs: ValueInfoProto[] = []
  readonly #outputs: ValueInfoProto[] = []
  readonly #names = new Set<string>()
  readonly #constants = new Map<string, Value>()

  constructor(name: string) {
    this.#name = name
  }

  /** A graph input. */
  input(name: string, type: ElementType, dims: readonly Dimension[]): Value {
    this.#inputs.push(valueInfo(name, type, dims))
    return this.#claim(name)
  }

  /** Makes `value` the graph output `name`. */
  output(name: string, value: Value, type: ElementType, dims: readonly Dimension[]): void {
    this.#add('Identity', [value], [this.#claim(name)], {})
    this.#outputs.push(valueInfo(name, type, dims))
  }

  /** A node with one output. Absent optional inputs are null. */
  node(
    operator: string,
    inputs: readonly (Value | null)[],
    attributes: Record<string, Attribute | undefined> = {},
  ): Value {
    const output = this.#fresh(operator)
    this.#add(operator, inputs, [output], attributes)
    return output
  }

  /** A node with `count` outputs. */
  nodes(
    operator: string,
    inputs: readonly (Value | null)[],
    count: number,
    attributes: Record<string, Attribute | undefined> = {},
  ): Value[] {
    const outputs = Array.from({ length: count }, () => this.#fresh(operator))
    this.#add(operator, inputs, outputs, attributes)
    return outputs
  }

  /** An initializer whose little-endian bytes travel in the graph itself (limit of the format: 2 GB in all). */
  initializer(name: string, type: ElementType, dims: readonly number[], bytes: Uint8Array): Value {
    checkLength(name, type, dims, bytes.byteLength)
    this.#initializers.push({ name, dims, data_type: ONNX_DATA_TYPE[type], raw_data: bytes })
    return this.#claim(name)
  }

  /** An initializer whose bytes lie in a file. */
  externalInitializer(name: string, type: ElementType, dims: readonly number[], data: ExternalData): Value {
    checkLength(name, type, dims, data.length)
    this.#initializers.push({
      name,
      dims,
      data_type: ONNX_DATA_TYPE[type],
      data_location: EXTERNAL_DATA_LOCATION,
      external_data: [
        { key: 'location', value: data.location },
        { key: 'offset', value: String(data.offset) },
        { key: 'length', value: String(data.length) },
      ],
    })
    return this.#claim(name)
  }

  /** A float32 constant; a scalar unless `dims` are given. Equal constants are one. */
  floats(values: number | readonly number[], dims?: readonly number[]): Value {
    const list = typeof values === 'number' ? [values] : values
    return this.#constant('F32', Float32Array.from(list), dims ?? (typeof values === 'number' ? [] : [list.length]))
  }

  /** An int64 constant; a scalar for one number, a vector for a list. Equal constants are one. */
  ints(values: number | readonly number[]): Value {
    const list = typeof values === 'number' ? [values] : values
    return this.#constant('I64', BigInt64Array.from(list, BigInt), typeof values === 'number' ? [] : [list.length])
  }

  /** The model as bytes, ready for a session. */
  toBytes(): Uint8Array {
    return encodeModel(this.toModel())
  }

  /** The model as it was built so far. */
  toModel(): ModelProto {
    return {
      ir_version: IR_VERSION,
      producer_name: 'FeatureFusion Studio',
      opset_import: [
        { domain: '', version: OPSET },
        { domain: 'com.microsoft', version: 1 },
        ...(this.#nodes.some(({ domain }) => domain === BLOCKED_DOMAIN)
          ? [{ domain: BLOCKED_DOMAIN, version: 1 }]
          : []),
      ],
      graph: {
        name: this.#name,
        node: this.#nodes,
        initializer: this.#initializers,
        input: this.#inputs,
        output: this.#outputs,
      },
    }
  }

  #add(
    operator: string,
    inputs: readonly (Value | null)[],
    outputs: Value[],
    attributes: Record<string, Attribute | undefined>,
  ): void {
    for (const input of inputs)
      if (input !== null && !this.#names.has(input)) throw new Error(`${operator}: no value ${input} in ${this.#name}`)
    this.#nodes.push({
      ...operatorOf(operator),
      name: `${operator}:${outputs[0]}`,
      input: inputs.map((input) => input ?? ''),
      output: outputs,
      attribute: Object.entries(attributes).flatMap(([name, value]) =>
        value === undefined ? [] : [attributeProto(name, value)],
      ),
    })
  }

  #constant(type: 'F32' | 'I64', data: Float32Array | BigInt64Array, dims: readonly number[]): Value {
    const key = `${type}[${dims.join()}]=${data.join()}`
    let value = this.#constants.get(key)
    if (!value) {
      value = this.initializer(`constant_${this.#constants.size}`, type, dims, new Uint8Array(data.buffer))
      this.#constants.set(key, value)
    }
    return value
  }

  #fresh(operator: string): Value {
    return this.#claim(`${operator}_${this.#nodes.length}_${this.#names.size}`)
  }

  #claim(name: string): Value {
    if (this.#names.has(name)) throw new Error(`two values are named ${name} in ${this.#name}`)
    this.#names.add(name)
    return name as Value
  }
}

function operatorOf(operator: string): Pick<NodeProto, 'op_type' | 'domain'> {
  if (operator.startsWith(BLOCKED)) return { op_type: operator.slice(BLOCKED.length), domain: BLOCKED_DOMAIN }
  return { op_type: operator, domain: CONTRIB_OPERATORS.has(operator) ? 'com.microsoft' : '' }
}

function checkLength(name: string, type: ElementType, dims: readonly number[], length: number): void {
  const expected = elementCount(dims) * BYTES_PER_ELEMENT[type]
  if (length !== expected) throw new Error(`${name}: ${length} bytes where ${type} [${dims.join()}] takes ${expected}`)
}

function valueInfo(name: string, type: ElementType, dims: readonly Dimension[]): ValueInfoProto {
  const dim = dims.map((size) => (typeof size === 'number' ? { dim_value: size } : { dim_param: size }))
  return { name, type: { tensor_type: { elem_type: ONNX_DATA_TYPE[type], shape: { dim } } } }
}

function attributeProto(name: string, value: Attribute): AttributeProto {
  if (typeof value === 'string') return { name, type: ATTRIBUTE_TYPE.string, s: new TextEncoder().encode(value) }
  if (typeof value === 'number')
    return Number.isInteger(value)
      ? { name, type: ATTRIBUTE_TYPE.int, i: value }
      : { name, type: ATTRIBUTE_TYPE.float, f: value }
  if ('float' in value) return { name, type: ATTRIBUTE_TYPE.float, f: value.float }
  if ('floats' in value) return { name, type: ATTRIBUTE_TYPE.floats, floats: value.floats }
  return { name, type: ATTRIBUTE_TYPE.ints, ints: value }
}
