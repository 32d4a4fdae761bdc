import { z } from 'zod'
import { calibrationRecordSchema, type CalibrationRecord } from '../../../../contract/document/calibration'
import { FusionError } from '../../../../contract/errors'
import { parseJson } from '../../../../contract/values/json-text'
import { damaged } from '../../../files/reading/file-errors'
import { blockChecksums, blockCount, checksum } from '../../../files/kept/checksums'
import { fileKind } from '../../../files/writing/target'
import type { SourceFile, StoredTensor } from '../../../checkpoint/containers/container'
import { readSafetensors } from '../../../checkpoint/containers/safetensors'
import { encodeHeader } from '../../../checkpoint/containers/safetensors-write'
import { SequentialWriter } from '../../../checkpoint/containers/sequential-writer'
import type { Tensor } from '../../../runtime/session'
import { BYTES_PER_ELEMENT, elementCount } from '../../../tensor/element-type'

/** What to do about a calibration that does not fit. */
export const CALIBRATE_HINT = 'Calibrate again: in Tune, or with featurefusion calibrate.'

const METADATA_KEY = 'featurefusion_calibration'
/** Of every tensor's blocks, and of all that the header says. */
const CHECKSUMS_KEY = 'featurefusion_checksums'
const checksumsSchema = z.object({ header: z.string(), tensors: z.record(z.string(), z.array(z.string())) })
const COLUMNS_NAME = /^(.+)\.columns\.(\d+)$/
const RUNS_NAME = /^runs\.(\d+)\.(\d+)\.(\w+)$/

/** A layer whose inputs are gathered. */
export interface CalibratedLayer {
  /** Its module: the name of its weight without `.weight`. */
  module: string
  /** d, inputs of a row of its matrix. */
  inputs: number
}

/** Columns X of one layer as they are stored: float16, one after the other. */
export interface LayerColumns {
  module: string
  inputs: number
  /** S at most: fewer where the layer had fewer inputs. */
  count: number
  /** [count, inputs] float16 */
  bytes: Uint8Array
}

/**
 * Runs of a network on inputs of one shape, as they were: each of its inputs by its name [runs, …], and those that many
 * runs share (texts) once each [different ones, …], with the place of each run's among them.
 */
export type RecordedTensors = Readonly<Record<string, StoredTensor>>

/** A calibration file opened from its header alone. */
export interface Calibration {
  file: SourceFile
  record: CalibrationRecord
  /** By a layer's module: the tensor [columns, inputs] of every model of the record; absent where it had no inputs. */
  columns: ReadonlyMap<string, readonly (StoredTensor | undefined)[]>
  /** What the network of every model of the record ran on (recorded-runs.ts); none in files of earlier versions. */
  runs: readonly (readonly RecordedTensors[])[]
  /** Whether it carries checksums: files of earlier versions have none. */
  checked: boolean
}

/**
 * Opens a calibration file: safetensors with a tensor `MODULE.columns.MODEL` [columns, inputs] float16 per layer and
 * model (by its place in the record), one input column of the layer after the other, and tensors `runs.MODEL.SHAPE.INPUT`
 * float32 of what the models ran on. Both are checked as they are read.
 * @throws FusionError 'not-found', 'unreadable', 'malformed', 'damaged'
 */
export async function openCalibration(path: string): Promise<Calibration> {
  const { file, metadata, tensors } = await readSafetensors(path).catch((cause: unknown) => {
    if (!(cause instanceof FusionError) || cause.kind !== 'not-found') throw cause
    throw new FusionError('not-found', `The calibration file ${path} does not exist any more.`, {
      hint: CALIBRATE_HINT,
      cause,
    })
  })
  const record = calibrationRecordSchema.safeParse(parseJson(metadata[METADATA_KEY]))
  if (!record.success)
    throw new FusionError('malformed', `${path} is not a calibration file.`, {
      detail: z.prettifyError(record.error),
      hint: 'Make one: in Tune, or with featurefusion calibrate.',
    })
  const checksums = checksumsOf(path, metadata, tensors)
  const columns = new Map<string, (StoredTensor | undefined)[]>()
  const runs = record.data.models.map((): Record<string, StoredTensor>[] => [])
  for (const tensor of tensors) {
    const blocks = checksums?.get(tensor.name)
    const checkedTensor = { ...tensor, ...(blocks && { checksums: blocks }) }
    const ofRuns = RUNS_NAME.exec(tensor.name)
    const match = ofRuns ?? COLUMNS_NAME.exec(tensor.name)
    const model = Number(match?.[ofRuns ? 1 : 2])
    const isOurs = ofRuns
      ? isRecorded(tensor, Number(ofRuns[2]))
      : tensor.shape.length === 2 && tensor.elementType === 'F16'
    if (!match || model >= record.data.models.length || !isOurs)
      throw new FusionError(
        'malformed',
        `${path} holds the tensor ${tensor.name}, which a calibration file does not have.`,
      )
    if (ofRuns) {
      const ofModel = runs[model]!
      const shape = Number(ofRuns[2])
      while (ofModel.length <= shape) ofModel.push({})
      ofModel[shape]![ofRuns[3]!] = checkedTensor
      continue
    }
    const own = columns.get(match[1]!) ?? new Array<undefined>(record.data.models.length).fill(undefined)
    own[model] = checkedTensor
    columns.set(match[1]!, own)
  }
  return { file, record: record.data, columns, runs, checked: checksums !== null }
}

/** Different shapes of a model's runs that are believed: pictures come in a few sizes. */
const MOST_RUN_SHAPES = 1000

function isRecorded({ elementType, shape }: StoredTensor, place: number): boolean {
  return elementType === 'F32' && shape.length > 0 && place < MOST_RUN_SHAPES
}

/** Checksums by tensor; null for a file of a version that had none. @throws FusionError 'damaged' */
function checksumsOf(
  path: string,
  metadata: Readonly<Record<string, string>>,
  tensors: readonly StoredTensor[],
): Map<string, string[]> | null {
  if (!(CHECKSUMS_KEY in metadata)) return null
  const parsed = checksumsSchema.safeParse(parseJson(metadata[CHECKSUMS_KEY]))
  const found = new Map(parsed.success ? Object.entries(parsed.data.tensors) : [])
  const isWhole = tensors.every(({ name, byteLength }) => found.get(name)?.length === blockCount(byteLength))
  if (!parsed.success || !isWhole || parsed.data.header !== headerChecksum(metadata[METADATA_KEY]!, tensors, found))
    throw damaged(path, 'its header')
  return found
}

/** Of the record, and of each tensor's name, type, shape and checksums. */
function headerChecksum(
  record: string,
  tensors: readonly Pick<StoredTensor, 'name' | 'elementType' | 'shape'>[],
  checksums: ReadonlyMap<string, readonly string[]>,
): string {
  const described = tensors.map(({ name, elementType, shape }) => [name, elementType, shape, checksums.get(name)])
  return checksum(Buffer.from(JSON.stringify([record, described])))
}

/** What `CalibrationWriter` writes: another calibration file may be replaced unasked, a model never. */
export const CALIBRATION_FILE = fileKind(
  'calibration file',
  async (path) => METADATA_KEY in (await readSafetensors(path)).metadata,
  openCalibration,
)

/** Bytes of a calibration file's columns, at most. */
export function calibrationBytes(layers: readonly CalibratedLayer[], models: number, samples: number): number {
  return layers.reduce((sum, { inputs }) => sum + inputs * samples * 2 * models, 0)
}

/** Room in the header for what says where a model's runs lie: checksums of far more than are recorded. */
const RUNS_HEADER_BYTES = 128 * 1024

/** Writes a calibration file as its columns come, under a temporary name until it is whole. */
export class CalibrationWriter {
  private readonly checksums = new Map<string, string[]>()

  private constructor(
    private readonly writer: SequentialWriter,
    private readonly record: string,
  ) {}

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
    const text = JSON.stringify(record)
    const longest = record.models.flatMap((_, model) =>
      layers.map(({ module, inputs }) => {
        const entry = entryOf({ module, inputs, count: record.samples }, model)
        return { ...entry, byteLength: elementCount(entry.shape) * BYTES_PER_ELEMENT.F16 }
      }),
    )
    const places = new Map(
      longest.map(({ name, byteLength }) => [
        name,
        new Array<string>(blockCount(byteLength)).fill(checksum(new Uint8Array())),
      ]),
    )
    const room =
      encodeHeader(longest, metadataOf(text, longest, places)).byteLength + record.models.length * RUNS_HEADER_BYTES
    const rule = { kind: CALIBRATION_FILE, overwrite }
    return new CalibrationWriter(await SequentialWriter.create(path, rule, room), text)
  }

  /** @param model its place in the record */
  add(model: number, columns: LayerColumns): void {
    const entry = entryOf(columns, model)
    this.checksums.set(entry.name, blockChecksums(columns.bytes))
    this.writer.add({ ...entry, bytes: columns.bytes })
  }

  /** Adds what a model ran on. @param shape its place among the shapes of the model's runs */
  addRuns(model: number, shape: number, inputs: Readonly<Record<string, Tensor>>): void {
    for (const [input, { data, dims }] of Object.entries(inputs)) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      const name = `runs.${model}.${shape}.${input}`
      this.checksums.set(name, blockChecksums(bytes))
      this.writer.add({ name, elementType: 'F32', shape: [...dims], bytes })
    }
  }

  /** Gives the file its name. */
  async finish(): Promise<void> {
    const { writer, checksums, record } = this
    await writer.finish(metadataOf(record, writer.tensors, checksums))
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    await this.writer.discard()
  }
}

function metadataOf(
  record: string,
  tensors: Parameters<typeof headerChecksum>[1],
  checksums: ReadonlyMap<string, readonly string[]>,
): Record<string, string> {
  const header = headerChecksum(record, tensors, checksums)
  return {
    [METADATA_KEY]: record,
    [CHECKSUMS_KEY]: JSON.stringify({ header, tensors: Object.fromEntries(checksums) }),
  }
}

function entryOf({ module, inputs, count }: Omit<LayerColumns, 'bytes'>, model: number) {
  return { name: `${module}.columns.${model}`, elementType: 'F16' as const, shape: [count, inputs] }
}
