import { closeSync, openSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { FusionError } from '../../../contract/errors'
import type { StoredTensor } from '../../checkpoint/containers/container'
import { readSafetensors } from '../../checkpoint/containers/safetensors'
import { encodeHeader } from '../../checkpoint/containers/safetensors-write'
import { TensorReader } from '../../checkpoint/containers/tensor-reader'
import { AtomicOutput } from '../../files/writing/atomic-output'
import { makePrivate } from '../../files/writing/permissions'
import { tellDamage } from '../../files/kept/cache-damage'
import { blockCount, BlockChecksums, checksum } from '../../files/kept/checksums'
import { fileKind } from '../../files/writing/target'
import { writingError } from '../../files/writing/writing-error'
import { BYTES_PER_ELEMENT, elementCount } from '../../tensor/element-type'
import type { Contribution } from '../fusion/fusion-layer'
import { writeFully } from '../../files/writing/write-fully'

/** A layer as a matrix: what its contribution takes on disk. */
export interface LayerSize {
  /** The weight's name in diffusers' form. */
  name: string
  /** Rows of all groups. */
  rows: number
  inputs: number
}

/** A layer as it lies in a file. */
export interface LayerForm extends LayerSize {
  /**
   * Whether differences are kept; else the contribution is the model's own rows, each times a coefficient: these are read
   * where they lie.
   */
  differs: boolean
}

/** Values of a row that stand beside its differences, in the order of the file, float64. */
const ROW_VALUES = [
  'unit',
  'baseSigma',
  'sigma',
  'own',
  'baseSquaredNorm',
  'signed',
  'absolute',
  'aligned',
  'bias',
] as const

/**
 * What belongs to the rows [rows] of a model's contribution to a layer: `unit` of the stored differences (a power of
 * two; 0 where a row does not differ, or none are stored), lengths σ of the feature rows, correlation with the base's own
 * row, squared length of the base's weight row, and the sums of fusion-layer.ts.
 */
export type RowValues = Record<(typeof ROW_VALUES)[number], Float64Array>

/** One layer's contribution as it lies in a file. */
export interface StoredContribution {
  /**
   * D_m = A_m − z_m K_0 [rows, inputs], float16 in each row's unit (method.md, 'Model weights'); null where A_m is the
   * model's own rows, each times `signed` / σ of the base's row.
   */
  differences: StoredTensor | null
  rows: RowValues
}

/** All contributions of one model, as they lie in a file. */
export interface ModelContributions {
  path: string
  byteLength: number
  /** By the layer's name. */
  layers: ReadonlyMap<string, StoredContribution>
}

/** What re-weighting reads: every model's contributions, and the thresholds they were made with. */
export interface Contributions {
  /** Base first; null for a model that has no weight anywhere and was not asked for. */
  models: (ModelContributions | null)[]
  /** τ of every group of a layer. */
  thresholds: ReadonlyMap<string, readonly number[]>
}

/** Values of rows that are still to be found. */
export function emptyRowValues(rows: number): RowValues {
  return Object.fromEntries(ROW_VALUES.map((key) => [key, new Float64Array(rows)])) as RowValues
}

/** Puts a group's rows into those of its layer, from row `first` on. */
export function setRowValues(into: RowValues, first: number, { sigma, own, parts }: Contribution): void {
  into.baseSigma.set(sigma.base, first)
  into.sigma.set(sigma.model, first)
  into.own.set(own, first)
  for (const key of ['signed', 'absolute', 'aligned', 'bias'] as const) into[key].set(parts[key], first)
}

const CHECKSUM_BYTES = 8
const CHECKSUMS = '#checksums'

/** What a file of these layers holds: the header is known before anything of it is. */
class FileLayout {
  readonly tensors: StoredTensor[]
  readonly header: Uint8Array
  readonly byteLength: number

  constructor(path: string, layers: readonly LayerForm[]) {
    const data = layers.flatMap(({ name, rows, inputs, differs }) => [
      ...(differs ? [{ name, elementType: 'F16' as const, shape: [rows, inputs] }] : []),
      { name: rowsName(name), elementType: 'F64' as const, shape: [ROW_VALUES.length, rows] },
    ])
    const checked = data.map((tensor) => ({ ...tensor, byteLength: byteLengthOf(tensor) }))
    const blocks = checked.reduce((sum, { byteLength }) => sum + blockCount(byteLength), 0)
    // Of every block, and in the end of these checksums themselves.
    const checksums = { name: CHECKSUMS, elementType: 'U8' as const, shape: [blocks + 1, CHECKSUM_BYTES] }
    const all = [...checked, { ...checksums, byteLength: byteLengthOf(checksums) }]
    this.header = encodeHeader(all, {})
    let offset = this.header.byteLength
    this.tensors = all.map((tensor) => {
      const placed = { ...tensor, path, offset }
      offset += tensor.byteLength
      return placed
    })
    this.byteLength = offset
  }

  /** What has checksums: everything but the checksums. */
  get checked(): StoredTensor[] {
    return this.tensors.slice(0, -1)
  }

  get checksums(): StoredTensor {
    return this.tensors.at(-1)!
  }
}

function byteLengthOf({ elementType, shape }: Pick<StoredTensor, 'elementType' | 'shape'>): number {
  return elementCount(shape) * BYTES_PER_ELEMENT[elementType]
}

function rowsName(layer: string): string {
  return `${layer}#rows`
}

/** Bytes on disk of one model's contributions to these layers. */
export function contributionBytes(layers: readonly LayerForm[]): number {
  return new FileLayout('', layers).byteLength
}

/** Whatever file has the name is one, perhaps a damaged one. */
const CONTRIBUTIONS = fileKind('file of contributions', async () => true)

/** A file of one model's contributions while it is written, under a temporary name. */
export class ContributionWriter {
  private readonly descriptor: number
  private readonly layout: FileLayout
  private readonly tensors: ReadonlyMap<string, StoredTensor>
  /** Tensors that are being written: how far, in the order of their bytes. */
  private readonly begun = new Map<string, { end: number; blocks: BlockChecksums }>()
  /** Checksums of the blocks of tensors that are whole. */
  private readonly checksums = new Map<string, readonly string[]>()

  private constructor(
    private readonly output: AtomicOutput,
    layers: readonly LayerForm[],
  ) {
    this.layout = new FileLayout(output.temporaryPath, layers)
    makePrivate(output.temporaryPath)
    this.descriptor = openSync(output.temporaryPath, 'w')
    writeFully(this.descriptor, this.layout.header, 0)
    this.tensors = new Map(this.layout.checked.map((tensor) => [tensor.name, tensor]))
  }

  /** @throws FusionError 'target': another process is writing the same file, or its folder is not to be written */
  static async create(path: string, layers: readonly LayerForm[]): Promise<ContributionWriter> {
    const output = await AtomicOutput.create(path, { kind: CONTRIBUTIONS, overwrite: true })
    try {
      return new ContributionWriter(output, layers)
    } catch (error) {
      await output.discard()
      throw writingError(error, path)
    }
  }

  /** Writes bytes of a layer's differences from byte `at` of them on: one after the other. */
  writeDifferences(layer: string, at: number, bytes: Uint8Array): void {
    this.write(layer, at, bytes)
  }

  /** Where a layer's differences lie, for threads that write them themselves and say so with `wroteDifferences`. */
  placeOf(layer: string): { path: string; position: number } {
    return { path: this.output.temporaryPath, position: this.tensors.get(layer)!.offset }
  }

  /** @param checksums of the blocks of a layer's differences, which are all written */
  wroteDifferences(layer: string, checksums: readonly string[]): void {
    this.checksums.set(layer, checksums)
  }

  writeRows(layer: string, rows: RowValues): void {
    this.write(rowsName(layer), 0, Buffer.concat(ROW_VALUES.map((key) => Buffer.from(rows[key].buffer))))
  }

  /**
   * Gives the file its final name. Nothing waits until it is on the disk: what a power cut takes of it does not meet its
   * size or its checksums, and is computed anew.
   */
  async commit(): Promise<void> {
    const { checked, checksums } = this.layout
    const ofBlocks = Buffer.from(checked.map(({ name }) => this.checksums.get(name)!.join('')).join(''), 'hex')
    writeFully(this.descriptor, Buffer.concat([ofBlocks, Buffer.from(checksum(ofBlocks), 'hex')]), checksums.offset)
    closeSync(this.descriptor)
    await this.output.commit([])
  }

  /** Removes what was written. Returns the error in words. */
  async discard(error: unknown): Promise<unknown> {
    closeSync(this.descriptor)
    await this.output.discard()
    return writingError(error, this.output.finalPath)
  }

  private write(name: string, at: number, bytes: Uint8Array): void {
    const written = this.begun.get(name) ?? { end: 0, blocks: new BlockChecksums() }
    if (at !== written.end) throw new FusionError('internal', `${name} was not written from its start to its end.`)
    const { offset, byteLength } = this.tensors.get(name)!
    written.blocks.add(bytes)
    written.end += bytes.byteLength
    writeFully(this.descriptor, bytes, offset + at)
    if (written.end < byteLength) {
      this.begun.set(name, written)
      return
    }
    this.begun.delete(name)
    this.checksums.set(name, written.blocks.finish())
  }
}

/**
 * Reads a file of contributions: where the differences lie, to be checked as they are read, and all values of rows.
 * @returns null where nothing is there, and where what is there is damaged or does not hold these layers, which is said
 */
export async function readContributions(
  path: string,
  layers: readonly LayerSize[],
): Promise<ModelContributions | null> {
  const isThere = await stat(path).catch(() => null)
  if (!isThere) return null
  const contributions = await readWhole(path, layers).catch(() => null)
  if (!contributions) tellDamage(path)
  return contributions
}

/** null where a checksum is not met. */
async function readWhole(path: string, sizes: readonly LayerSize[]): Promise<ModelContributions | null> {
  const { tensors: named, file } = await readSafetensors(path)
  const names = new Set(named.map(({ name }) => name))
  const layout = new FileLayout(
    path,
    formsOf(sizes, ({ name }) => names.has(name)),
  )
  if (layout.byteLength !== file.size) return null
  const reader = new TensorReader() // unchecked: whoever uses the file changes its time
  const read = (tensor: StoredTensor): Uint8Array<ArrayBuffer> => {
    const bytes = new Uint8Array(tensor.byteLength)
    reader.read(tensor, 0, bytes)
    return bytes
  }
  try {
    const { header, checksums, checked } = layout
    const start = { ...checksums, name: 'header', offset: 0, byteLength: header.byteLength }
    if (Buffer.compare(read(start), header) !== 0) return null
    const values = Buffer.from(read(checksums))
    const ofBlocks = values.subarray(0, -CHECKSUM_BYTES)
    if (checksum(ofBlocks) !== values.subarray(-CHECKSUM_BYTES).toString('hex')) return null
    const tensors = withChecksums(checked, ofBlocks)
    const layers = sizes.map(({ name, rows: count }) => {
      const all = new Float64Array(read(tensors.get(rowsName(name))!).buffer)
      const rows = ROW_VALUES.map((key, index) => [key, all.subarray(index * count, (index + 1) * count)] as const)
      return [name, { differences: tensors.get(name) ?? null, rows: Object.fromEntries(rows) as RowValues }] as const
    })
    return { path, byteLength: file.size, layers: new Map(layers) }
  } finally {
    reader.close()
  }
}

/** @param differs whether a layer's differences are kept */
export function formsOf(layers: readonly LayerSize[], differs: (layer: LayerSize) => boolean): LayerForm[] {
  return layers.map((layer) => ({ ...layer, differs: differs(layer) }))
}

/** Gives every tensor the checksums of its blocks. By name. */
function withChecksums(tensors: readonly StoredTensor[], ofBlocks: Buffer): Map<string, StoredTensor> {
  let next = 0
  return new Map(
    tensors.map((tensor) => {
      const checksums = Array.from({ length: blockCount(tensor.byteLength) }, () => {
        const first = next++ * CHECKSUM_BYTES
        return ofBlocks.toString('hex', first, first + CHECKSUM_BYTES)
      })
      return [tensor.name, { ...tensor, checksums }]
    }),
  )
}
