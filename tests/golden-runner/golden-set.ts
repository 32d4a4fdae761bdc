import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { readSafetensors } from '../../src-main/engine/checkpoint/containers/safetensors'
import { TensorReader } from '../../src-main/engine/checkpoint/containers/tensor-reader'
import type { StoredTensor } from '../../src-main/engine/checkpoint/containers/container'
import type { ElementType } from '../../src-main/engine/tensor/element-type'

/** What one golden may differ by: |x − golden| ≤ atol + rtol · |golden|. */
export interface Tolerance {
  atol: number
  rtol: number
  /** The looser limits for a result computed in float32. */
  float32?: { atol: number; rtol: number }
}

/** A golden tensor; its values are read when asked for. */
export interface GoldenTensor {
  dtype: ElementType
  shape: readonly number[]
  /** All elements, row-major, as numbers (F64, F32, F16, BF16, integers up to 2⁵³, BOOL as 0 and 1). */
  values(): Float64Array
}

export type GoldenOutput = GoldenTensor & { tolerance?: Tolerance }

/** One case of a manifest (golden/README.md). */
export interface GoldenCase {
  id: string
  op: string
  params: Record<string, unknown>
  inputs: Record<string, GoldenTensor>
  outputs: Record<string, GoldenOutput>
}

interface Reference {
  file: string
  key: string
  dtype: ElementType
  shape: number[]
  tolerance?: Tolerance
}

interface Manifest {
  format: string
  name: string
  /** Name → its path inside the set's folder and what it is. */
  models: Record<string, { path: string; [key: string]: unknown }>
  cases: {
    id: string
    op: string
    params: Record<string, unknown>
    inputs: Record<string, Reference>
    outputs: Record<string, Reference>
  }[]
}

/** A folder with a manifest in the format golden/1. */
export class GoldenSet {
  readonly manifest: Manifest
  readonly cases: GoldenCase[]
  private readonly reader = new TensorReader()

  private constructor(
    readonly folder: string,
    manifest: Manifest,
    /** By file, then by name. */
    private readonly tensors: ReadonlyMap<string, ReadonlyMap<string, StoredTensor>>,
  ) {
    this.manifest = manifest
    this.cases = manifest.cases.map(({ id, op, params, inputs, outputs }) => ({
      id,
      op,
      params,
      inputs: mapValues(inputs, (reference) => this.tensor(reference)),
      outputs: mapValues(outputs, (reference) => ({
        ...this.tensor(reference),
        ...(reference.tolerance && { tolerance: reference.tolerance }),
      })),
    }))
  }

  /** Reads manifest and headers; tensors are read when asked for. @param folder absolute path */
  static async open(folder: string): Promise<GoldenSet> {
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest
    const references = manifest.cases.flatMap(({ inputs, outputs }) =>
      [inputs, outputs].flatMap(Object.values<Reference>),
    )
    const tensors = new Map<string, Map<string, StoredTensor>>()
    for (const file of new Set(references.map((reference) => reference.file))) {
      const stored = await readSafetensors(join(folder, file))
      tensors.set(file, new Map(stored.tensors.map((tensor) => [tensor.name, tensor])))
    }
    return new GoldenSet(folder, manifest, tensors)
  }

  /** Absolute path of a model of the manifest. */
  modelPath(name: string): string {
    const model = this.manifest.models[name]
    if (!model) throw new Error(`${this.folder}: no model named ${name}`)
    return join(this.folder, model.path)
  }

  close(): void {
    this.reader.close()
  }

  private tensor({ file, key, dtype, shape }: Reference): GoldenTensor {
    return { dtype, shape, values: () => this.read(file, key) }
  }

  private read(file: string, key: string): Float64Array {
    const stored = this.tensors.get(file)?.get(key)
    if (!stored) throw new Error(`${this.folder}: no tensor named ${key} in ${file}`)
    const bytes = new Uint8Array(stored.byteLength)
    this.reader.read(stored, 0, bytes)
    return decodeTensor(stored.elementType, bytes)
  }
}

/** All folders under `root` (itself included) that hold a manifest in the format golden/1, sorted. */
export function findGoldenFolders(root: string): string[] {
  if (!existsSync(root)) throw new Error(`${root}: no such folder`)
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => /(^|[\\/])manifest\.json$/.test(path))
    .map((path) => resolve(root, dirname(path)))
    .filter((folder) => {
      const { format } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as { format?: unknown }
      return format === 'golden/1'
    })
    .sort()
}

/** The input of that name; a case without it is broken. */
export function input(goldenCase: GoldenCase, name: string): GoldenTensor {
  const tensor = goldenCase.inputs[name]
  if (!tensor) throw new Error(`${goldenCase.id}: no input named ${name}`)
  return tensor
}

/** All elements of a tensor's bytes. */
export function decodeTensor(type: ElementType, bytes: Uint8Array): Float64Array {
  const { buffer } = bytes
  switch (type) {
    case 'F64':
      return new Float64Array(buffer)
    case 'F32':
      return Float64Array.from(new Float32Array(buffer))
    case 'F16':
      return Float64Array.from(new Uint16Array(buffer), halfToNumber)
    case 'BF16':
      return Float64Array.from(new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer))
    case 'I64':
      return Float64Array.from(new BigInt64Array(buffer), Number)
    case 'I32':
      return Float64Array.from(new Int32Array(buffer))
    case 'U8':
    case 'BOOL':
      return Float64Array.from(bytes)
    default:
      throw new Error(`element type ${type} does not occur in goldens`)
  }
}

function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 0x3ff
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

function mapValues<From, To>(record: Record<string, From>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))
}
