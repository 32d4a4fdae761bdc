import { closeSync, openSync } from 'node:fs'
import { AtomicOutput } from '../files/atomic-output'
import { makePrivate } from '../files/private'
import { fileKind } from '../files/target'
import { writingError } from '../files/writing-error'
import type { StoredTensor } from '../checkpoint/checkpoint'
import { readSafetensors } from '../checkpoint/safetensors'
import { encodeHeader } from '../checkpoint/safetensors-write'
import { readBytes } from '../checkpoint/stored-values'
import { BYTES_PER_ELEMENT } from '../tensor/element-type'
import type { Contribution } from './fusion-layer'
import { writeFully } from './output-writer'

/** A layer as a matrix: what its contribution takes on disk. */
export interface LayerSize {
  /** The weight's name in diffusers' form. */
  name: string
  /** Rows of all groups. */
  rows: number
  inputs: number
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
 * two; 0 where a row does not differ), lengths σ of the feature rows, correlation with the base's own row, squared
 * length of the base's weight row, and the sums of fusion-layer.ts.
 */
export type RowValues = Record<(typeof ROW_VALUES)[number], Float64Array>

/** One layer's contribution as it lies in a file. */
export interface StoredContribution {
  /** D_m = A_m − z_m K_0 [rows, inputs], float16 in each row's unit (method.md, 'Model weights'). */
  differences: StoredTensor
  rows: RowValues
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

function tensorsOf(layers: readonly LayerSize[]) {
  return layers.flatMap(({ name, rows, inputs }) => [
    { name, elementType: 'F16' as const, shape: [rows, inputs], byteLength: rows * inputs * BYTES_PER_ELEMENT.F16 },
    {
      name: rowsName(name),
      elementType: 'F64' as const,
      shape: [ROW_VALUES.length, rows],
      byteLength: ROW_VALUES.length * rows * BYTES_PER_ELEMENT.F64,
    },
  ])
}

function rowsName(layer: string): string {
  return `${layer}#rows`
}

/** Bytes on disk of one model's contributions to these layers. */
export function contributionBytes(layers: readonly LayerSize[]): number {
  const tensors = tensorsOf(layers)
  return tensors.reduce((sum, { byteLength }) => sum + byteLength, encodeHeader(tensors, {}).byteLength)
}

/** Whatever file has the name is one, perhaps a damaged one. */
const CONTRIBUTIONS = fileKind('file of contributions', async () => true)

/** A file of one model's contributions while it is written, under a temporary name. */
export class ContributionWriter {
  private readonly descriptor: number
  private readonly positions = new Map<string, number>()

  private constructor(
    private readonly output: AtomicOutput,
    layers: readonly LayerSize[],
  ) {
    const tensors = tensorsOf(layers)
    const header = encodeHeader(tensors, {})
    makePrivate(output.temporaryPath)
    this.descriptor = openSync(output.temporaryPath, 'w')
    writeFully(this.descriptor, header, 0)
    let position = header.byteLength
    for (const { name, byteLength } of tensors) {
      this.positions.set(name, position)
      position += byteLength
    }
  }

  /** @throws FusionError 'target': another process is writing the same file, or its folder is not to be written */
  static async create(path: string, layers: readonly LayerSize[]): Promise<ContributionWriter> {
    const output = await AtomicOutput.create(path, { kind: CONTRIBUTIONS, overwrite: true })
    try {
      return new ContributionWriter(output, layers)
    } catch (error) {
      await output.discard()
      throw writingError(error, path)
    }
  }

  /** Writes bytes of a layer's differences from byte `at` of them on. */
  writeDifferences(layer: string, at: number, bytes: Uint8Array): void {
    writeFully(this.descriptor, bytes, this.positions.get(layer)! + at)
  }

  writeRows(layer: string, rows: RowValues): void {
    const values = ROW_VALUES.map((key) => Buffer.from(rows[key].buffer))
    writeFully(this.descriptor, Buffer.concat(values), this.positions.get(rowsName(layer))!)
  }

  /** Gives the file its final name. */
  async commit(): Promise<void> {
    closeSync(this.descriptor)
    await this.output.commit([this.output.temporaryPath])
  }

  /** Removes what was written. Returns the error in words. */
  async discard(error: unknown): Promise<unknown> {
    closeSync(this.descriptor)
    await this.output.discard()
    return writingError(error, this.output.finalPath)
  }
}

/**
 * Reads a file of contributions: where the differences lie, and all values of rows.
 * @returns null for a file that is not whole or does not hold these layers
 */
export async function readContributions(
  path: string,
  layers: readonly LayerSize[],
): Promise<Map<string, StoredContribution> | null> {
  const file = await readSafetensors(path).catch(() => null)
  const tensors = new Map(file?.tensors.map((tensor) => [tensor.name, tensor]))
  const wanted = tensorsOf(layers)
  const isWhole = wanted.every(({ name, byteLength }) => tensors.get(name)?.byteLength === byteLength)
  if (!isWhole) return null
  return new Map(
    layers.map(({ name, rows }) => {
      const all = new Float64Array(readBytes(tensors.get(rowsName(name))!).buffer)
      const values = ROW_VALUES.map((key, index) => [key, all.subarray(index * rows, (index + 1) * rows)] as const)
      return [name, { differences: tensors.get(name)!, rows: Object.fromEntries(values) as RowValues }]
    }),
  )
}
