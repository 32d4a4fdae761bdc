import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { onTestFinished } from 'vitest'
import { projectSchema, type Project } from '../../../../src-main/contract/document/project'
import { encodeHeader } from '../../../../src-main/engine/checkpoint/containers/safetensors-write'
import { readSafetensors } from '../../../../src-main/engine/checkpoint/containers/safetensors'
import { planMerge } from '../../../../src-main/engine/merge/open-model'
import { runMerge, type MergeOptions, type MergeResult } from '../../../../src-main/engine/merge/run'
import type { ElementType, FloatType } from '../../../../src-main/engine/tensor/element-type'
import { FloatEncoder } from '../../../../src-main/engine/tensor/float-encoder'
import { decodeTensor } from '../../../golden-runner/golden-set'

export const CLIP_VOCABULARY = resolve('resources/clip/bpe_simple_vocab_16e6.txt.gz')

const encoder = new FloatEncoder()

/** A tensor of a file made for a test. */
export interface TestTensor {
  type: ElementType
  shape: readonly number[]
  bytes: Uint8Array
}

/** A folder that goes when the test is done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'featurefusion-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Values in a float type. */
export function tensor(shape: readonly number[], values: ArrayLike<number>, type: FloatType = 'F32'): TestTensor {
  const parts: Buffer[] = []
  encoder.encode(Float32Array.from(values), type, (_, bytes) => parts.push(Buffer.from(bytes)))
  return { type, shape, bytes: Buffer.concat(parts) }
}

/** Writes a safetensors file; returns its path. */
export function writeModel(
  path: string,
  tensors: Readonly<Record<string, TestTensor>>,
  metadata: Record<string, string> = { format: 'pt' },
): string {
  const entries = Object.entries(tensors)
  const header = encodeHeader(
    entries.map(([name, { type, shape, bytes }]) => ({
      name,
      elementType: type,
      shape,
      byteLength: bytes.byteLength,
    })),
    metadata,
  )
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, Buffer.concat([header, ...entries.map(([, { bytes }]) => bytes)]))
  return path
}

/** A tensor of a file, decoded when its values are asked for. */
export class ReadTensor implements TestTensor {
  constructor(
    readonly type: ElementType,
    readonly shape: readonly number[],
    readonly bytes: Uint8Array<ArrayBuffer>,
  ) {}

  get values(): Float64Array {
    return decodeTensor(this.type, this.bytes)
  }
}

/** All tensors of a safetensors file. */
export async function readModel(path: string): Promise<Map<string, ReadTensor>> {
  const { tensors } = await readSafetensors(path)
  const file = readFileSync(path)
  return new Map(
    tensors.map(({ name, elementType, shape, offset, byteLength }) => {
      const bytes = Uint8Array.from(file.subarray(offset, offset + byteLength))
      return [name, new ReadTensor(elementType, shape, bytes)]
    }),
  )
}

/** A project of models by path; the base first. */
export function projectOf(
  paths: readonly (string | { path: string; weight?: number; [key: string]: unknown })[],
  method: Record<string, unknown> = {},
  output: Record<string, unknown> = {},
): Project {
  return projectSchema.parse({
    format: 'featurefusion-project',
    version: 1,
    models: paths.map((entry, index) => ({
      name: `model-${index}`,
      ...(typeof entry === 'string' ? { path: entry } : entry),
    })),
    method,
    output,
  })
}

/** Merges as the program does, on this thread. */
export async function merge(project: Project, path: string, options: Partial<MergeOptions> = {}): Promise<MergeResult> {
  return runMerge(await planMerge(project), { path, clipVocabulary: CLIP_VOCABULARY, ...options })
}

export function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}
