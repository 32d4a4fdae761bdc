import { closeSync, openSync, writeSync } from 'node:fs'
import { z } from 'zod'
import { calibrationRecordSchema, type CalibrationRecord } from '../../contract/calibration'
import { FusionError } from '../../contract/errors'
import { AtomicOutput } from '../files/atomic-output'
import { fileKind } from '../files/target'
import { writingError } from '../files/writing-error'
import type { Checkpoint, SourceFile, StoredTensor } from '../checkpoint/checkpoint'
import { readSafetensors } from '../checkpoint/safetensors'
import { encodeHeader } from '../checkpoint/safetensors-write'
import type { CalibratedLayer, LayerColumns } from './gather'

/** What to do about a calibration that does not fit. */
export const CALIBRATE_HINT = 'Calibrate again: in Tune, or with featurefusion calibrate.'

const METADATA_KEY = 'featurefusion_calibration'
const TENSOR_NAME = /^(.+)\.columns\.(\d+)$/

/** A calibration file opened from its header alone. */
export interface Calibration {
  file: SourceFile
  record: CalibrationRecord
  /** By a layer's module: the tensor [columns, inputs] of every model of the record; absent where it had no inputs. */
  columns: ReadonlyMap<string, readonly (StoredTensor | undefined)[]>
}

/**
 * Opens a calibration file: safetensors with a tensor `MODULE.columns.MODEL` [columns, inputs] float16 per layer and
 * model (by its place in the record), one input column of the layer after the other.
 * @throws FusionError 'not-found', 'unreadable', 'malformed'
 */
export async function openCalibration(path: string): Promise<Calibration> {
  const { file, metadata, tensors } = await readSafetensors(path).catch((cause: unknown) => {
    if (!(cause instanceof FusionError) || cause.kind !== 'not-found') throw cause
    throw new FusionError('not-found', `The calibration ${path} is not there any more.`, {
      hint: CALIBRATE_HINT,
      cause,
    })
  })
  const record = calibrationRecordSchema.safeParse(parseJson(metadata[METADATA_KEY]))
  if (!record.success)
    throw new FusionError('malformed', `${path} is no calibration file.`, {
      detail: z.prettifyError(record.error),
      hint: 'Make one: in Tune, or with featurefusion calibrate.',
    })
  const columns = new Map<string, (StoredTensor | undefined)[]>()
  for (const tensor of tensors) {
    const match = TENSOR_NAME.exec(tensor.name)
    const model = Number(match?.[2])
    if (!match || model >= record.data.models.length || tensor.shape.length !== 2 || tensor.elementType !== 'F16')
      throw new FusionError('malformed', `${path} holds the tensor ${tensor.name}, which is no calibration's.`)
    const own = columns.get(match[1]!) ?? new Array<undefined>(record.data.models.length).fill(undefined)
    own[model] = tensor
    columns.set(match[1]!, own)
  }
  return { file, record: record.data, columns }
}

/** What `CalibrationWriter` writes: another calibration file may be replaced unasked, a model never. */
export const CALIBRATION_FILE = fileKind(
  'calibration file',
  async (path) => METADATA_KEY in (await readSafetensors(path)).metadata,
  openCalibration,
)

/** Paths of the files in which a checkpoint's UNet lies, in the order of its files. */
export function unetFiles({ components, files }: Checkpoint): string[] {
  const used = new Set([...(components.get('unet')?.tensors.values() ?? [])].map(({ stored }) => stored.path))
  return files.flatMap(({ path }) => (used.has(path) ? [path] : []))
}

/** The place in a record of the model with these hashes of its UNet's files; −1 if it is not there. */
export function calibratedModel({ models }: CalibrationRecord, sha256: readonly string[]): number {
  const wanted = [...sha256].sort().join()
  return models.findIndex((model) => [...model.sha256].sort().join() === wanted)
}

/** Bytes of a calibration file's columns, at most. */
export function calibrationBytes(layers: readonly CalibratedLayer[], models: number, samples: number): number {
  return layers.reduce((sum, { inputs }) => sum + inputs * samples * 2 * models, 0)
}

/** Writes a calibration file as its columns come, under a temporary name until it is whole. */
export class CalibrationWriter {
  private readonly tensors: Parameters<typeof encodeHeader>[0][number][] = []
  private descriptor: number | null
  private end: number

  private constructor(
    private readonly output: AtomicOutput,
    private readonly metadata: Record<string, string>,
    /** Room for the longest header that the columns may need. */
    private readonly headerBytes: number,
  ) {
    this.descriptor = openSync(output.temporaryPath, 'r+')
    this.end = headerBytes
  }

  /**
   * @param overwrite whether a calibration file may be replaced that this version cannot read, or an empty file
   * @throws FusionError 'target'
   */
  static async create(
    path: string,
    layers: readonly CalibratedLayer[],
    record: CalibrationRecord,
    overwrite: boolean,
  ): Promise<CalibrationWriter> {
    const metadata = { [METADATA_KEY]: JSON.stringify(record) }
    const longest = record.models.flatMap((_, model) =>
      layers.map(({ module, inputs }) => entryOf({ module, inputs, count: record.samples }, model)),
    )
    const output = await AtomicOutput.create(path, { kind: CALIBRATION_FILE, overwrite })
    return new CalibrationWriter(output, metadata, encodeHeader(longest, metadata).byteLength)
  }

  /** @param model its place in the record */
  add(model: number, columns: LayerColumns): void {
    this.tensors.push(entryOf(columns, model))
    this.write(columns.bytes, this.end)
    this.end += columns.bytes.byteLength
  }

  /** Gives the file its name. */
  async finish(): Promise<void> {
    this.write(encodeHeader(this.tensors, this.metadata, this.headerBytes), 0)
    this.close()
    await this.output.commit([this.output.temporaryPath])
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    this.close()
    await this.output.discard()
  }

  private close(): void {
    if (this.descriptor !== null) closeSync(this.descriptor)
    this.descriptor = null
  }

  private write(bytes: Uint8Array, position: number): void {
    try {
      for (let done = 0; done < bytes.byteLength;)
        done += writeSync(this.descriptor!, bytes, done, bytes.byteLength - done, position + done)
    } catch (error) {
      throw writingError(error, this.output.finalPath)
    }
  }
}

function entryOf({ module, inputs, count }: Omit<LayerColumns, 'bytes'>, model: number) {
  const shape = [count, inputs]
  return { name: `${module}.columns.${model}`, elementType: 'F16' as const, shape, byteLength: count * inputs * 2 }
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}
