import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { FusionError } from '../../contract/errors'
import { yieldOrCancel } from '../cancel'
import { openAdapter } from '../adapters/adapter-file'
import type { SourceFile } from '../checkpoint/containers/container'
import { SequentialWriter, type WrittenTensor } from '../checkpoint/containers/sequential-writer'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import { encodeHeader } from '../checkpoint/containers/safetensors-write'
import { hashFile } from '../checkpoint/hash'
import { isMergeable } from '../checkpoint/mergeable'
import type { Checkpoint, TensorView } from '../checkpoint/model/checkpoint'
import { checkTargetOutsideSources, fileKind } from '../files/writing/target'
import { checkCompatible } from '../merge/plan/plan'
import type { LoraType } from './rounded-tensors'
import { elementCount } from '../tensor/element-type'
import { ChangeReader } from './layer-change'
import type { LayerFactors } from './layer-factors'
import { factorLayers } from './layer-processes'
import { loraMetadata, type LoraLayer } from './lora-metadata'
import { LORA_COMPONENTS, loraNaming, type LoraComponent, type LoraFormat, type LoraKeys } from './lora-names'
import { sumOfSquares, type Kept } from '../linear-algebra/truncated-svd'

export interface ExtractOptions {
  /** The file to write. */
  path: string
  overwrite?: boolean
  format: LoraFormat
  type: LoraType
  /** Of every layer. */
  kept: Kept
  /** Of convolutions with a kernel of more than 1 × 1, where it differs. */
  convolutionsKept?: Kept
  /** Absent: the UNet and the text encoders that both models have. */
  include?: readonly LoraComponent[]
  /** Layers that are worked on at the same time; the result does not depend on it. Absent: one for every processor core. */
  threads?: number
  /** The built extract-process; without it all runs in this process. */
  processFile?: URL
  /** Where hashes of the models' files are remembered. */
  cacheFolder?: string
  signal?: AbortSignal
  /** Called with the fraction that is done, 0 … 1. */
  onProgress?: (fraction: number) => void
}

/** What a LoRA was made of, and what it does not hold. */
export interface Extraction {
  layers: LoraLayer[]
  /** √(Σ |D − up · down|² / Σ |D|²) over all layers. */
  relativeError: number
  /** Layers that the specialist did not change. */
  unchanged: string[]
  /** Changed tensors that no LoRA has (biases, norms, embeddings): none of their change is kept. */
  leftOut: string[]
  /** √ of their part of the whole change's Σ D². */
  leftOutPart: number
  /** Said of the models. */
  notes: string[]
  bytes: number
}

/** A tensor in both models. */
interface Pair {
  component: LoraComponent
  base: TensorView
  specialist: TensorView
}

/** Whole models are never replaced by what changes them. */
const ADAPTER_FILE = fileKind('LoRA or another adapter', async (path) => (await openAdapter(path)) !== undefined)

/** Each holds a few of the largest layers in memory. */
const MOST_PROCESSES = 8

/** Beside the names and settings of layers: kohya's metadata and the note. */
const METADATA_BYTES = 16_384

/**
 * Writes the low-rank adapter that, added to `base`, comes nearest to `specialist`: layer by layer the truncated singular
 * value decomposition of what the specialist changed (kernels of convolutions as [out, in · kh · kw]). alpha is the rank,
 * so that strength 1 is the whole change.
 * @throws FusionError 'incompatible' for models that do not fit together, have none of the parts, or do not differ;
 * 'target', 'cancelled', 'not-finite' and whatever reading throws; then nothing new stands at the path
 */
export async function extractLora(
  base: Checkpoint,
  specialist: Checkpoint,
  options: ExtractOptions,
): Promise<Extraction> {
  const include = options.include ?? LORA_COMPONENTS.filter((name) => [base, specialist].every((m) => has(m, name)))
  if (include.length === 0)
    throw new FusionError(
      'incompatible',
      `${base.path} and ${specialist.path} have no UNet or text encoder in common.`,
      {
        hint: 'A LoRA is for the UNet and the text encoders of Stable Diffusion.',
      },
    )
  const notes = checkCompatible(base, [{ checkpoint: specialist }], [...include])
  for (const name of LORA_COMPONENTS)
    if (options.include === undefined && has(base, name) && !has(specialist, name))
      notes.push(`${specialist.path} has no ${name}: nothing is extracted for it.`)
  const files = [base, specialist].flatMap((model) => [model.path, ...model.files.map(({ path }) => path)])
  await checkTargetOutsideSources(options.path, files)
  const { layers, others } = pairsOf(base, specialist, include)
  const naming = loraNaming(options.format, base)
  const writer = await SequentialWriter.create(
    options.path,
    { overwrite: options.overwrite === true, sources: files, kind: ADAPTER_FILE },
    headerRoom(layers, naming, files),
  )
  const sources = [...base.files, ...specialist.files]
  const reader = new TensorReader(sources)
  const failed = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal
  try {
    const [found, hashes] = await Promise.all([
      extractLayers(layers, sources, { writer, naming }, { ...options, signal }),
      hashesOf(sources, options.cacheFolder, signal),
    ])
    if (found.layers.length === 0) throw nothingChanged(base, specialist, include)
    const left = await leftOutOf(others, new ChangeReader(reader), options.signal)
    const result = {
      layers: found.layers,
      relativeError: Math.sqrt(found.lost / found.total),
      unchanged: found.unchanged,
      leftOut: left.names,
      leftOutPart: Math.sqrt(left.total / (left.total + found.total)),
      notes,
    }
    reader.checkUnchanged()
    const note = noteOf(base, specialist, hashes, options, result)
    return {
      ...result,
      bytes: await writer.finish(loraMetadata(options.format, result.layers, base.architecture, note)),
    }
  } catch (error) {
    failed.abort()
    await writer.discard()
    throw error
  } finally {
    reader.close()
  }
}

function has({ components }: Checkpoint, name: LoraComponent): boolean {
  return components.has(name)
}

/** Embeddings are tables: a product of matrices is no form that programs have for them. */
const EMBEDDING = /(?:^|\.)(?:token|position)_embedding\.weight$/

/** Tensors of both models that a merge would change, apart by whether a LoRA can change them. */
function pairsOf(
  base: Checkpoint,
  specialist: Checkpoint,
  include: readonly LoraComponent[],
): { layers: Pair[]; others: Pair[] } {
  const pairs = include.flatMap((component) =>
    [...base.components.get(component)!.tensors.values()].filter(isMergeable).flatMap((view): Pair[] => {
      const other = specialist.components.get(component)!.tensors.get(view.name)
      return other ? [{ component, base: view, specialist: other }] : []
    }),
  )
  const isLayer = ({ base: { name, shape } }: Pair): boolean =>
    name.endsWith('.weight') && (shape.length === 2 || shape.length === 4) && !EMBEDDING.test(name)
  return { layers: pairs.filter(isLayer), others: pairs.filter((pair) => !isLayer(pair)) }
}

/** Names of a layer's tensors by its component and module. */
type Naming = ReturnType<typeof loraNaming>

function moduleOf({ base }: Pair): string {
  return base.name.slice(0, -'.weight'.length)
}

/** A kernel of more than one position. */
function hasKernel(shape: readonly number[]): boolean {
  return shape.slice(2).some((size) => size > 1)
}

/** Layers that were found to have changed, written in their order. */
async function extractLayers(
  pairs: readonly Pair[],
  sources: readonly SourceFile[],
  { writer, naming }: { writer: SequentialWriter; naming: Naming },
  { kept, convolutionsKept, type, signal, onProgress, processFile, threads }: ExtractOptions,
): Promise<{ layers: LoraLayer[]; unchanged: string[]; lost: number; total: number }> {
  const result = { layers: [] as LoraLayer[], unchanged: [] as string[], lost: 0, total: 0 }
  const all = pairs.reduce((sum, { base }) => sum + elementCount(base.shape), 0)
  let done = 0
  const layers = pairs.map((pair) => {
    return { ...pair, kept: hasKernel(pair.base.shape) ? (convolutionsKept ?? kept) : kept, type }
  })
  const options = {
    processFile: processFile ?? null,
    processes: threads ?? Math.min(availableParallelism(), MOST_PROCESSES),
    sources,
    ...(signal && { signal }),
  }
  await factorLayers(layers, options, (layer, factors) => {
    const { component, base } = layer
    done += elementCount(base.shape)
    onProgress?.(done / all)
    if (!factors) {
      result.unchanged.push(`${component}.${base.name}`)
      return
    }
    const { rank, lost, total } = factors
    const module = moduleOf(layer)
    for (const tensor of loraTensors(naming(component, module), base.shape, type, factors)) writer.add(tensor)
    result.layers.push({ component, module, rank, relativeError: Math.sqrt(lost / total) })
    result.lost += lost
    result.total += total
  })
  return result
}

/** A layer's factors as a file holds them. */
function loraTensors(
  keys: LoraKeys,
  shape: readonly number[],
  elementType: LoraType,
  { rank, up, down }: Pick<LayerFactors, 'rank' | 'up' | 'down'>,
): WrittenTensor[] {
  const kernel = shape.slice(2)
  return [
    ...(keys.alpha === null ? [] : [rankAsAlpha(keys.alpha, rank)]),
    { name: keys.down, elementType, shape: [rank, shape[1]!, ...kernel], bytes: down },
    { name: keys.up, elementType, shape: [shape[0]!, rank, ...kernel.map(() => 1)], bytes: up },
  ]
}

/** In float32: float16 does not hold every whole number above 2,048. */
function rankAsAlpha(name: string, rank: number) {
  return { name, elementType: 'F32' as const, shape: [], bytes: new Uint8Array(Float32Array.of(rank).buffer) }
}

async function leftOutOf(
  pairs: readonly Pair[],
  changes: ChangeReader,
  signal: AbortSignal | undefined,
): Promise<{ names: string[]; total: number }> {
  const names: string[] = []
  let total = 0
  for (const { component, base, specialist } of pairs) {
    await yieldOrCancel(signal)
    const own = sumOfSquares(changes.read(base, specialist, true))
    if (own > 0) names.push(`${component}.${base.name}`)
    total += own
  }
  return { names, total }
}

/** Bytes that the header takes at most, whatever the ranks. */
function headerRoom(pairs: readonly Pair[], naming: Naming, files: readonly string[]): number {
  const longest = 1e15
  const entries = pairs.flatMap((pair) => {
    const shape = [longest, ...pair.base.shape]
    const { up, down, alpha } = naming(pair.component, moduleOf(pair))
    return [up, down, ...(alpha === null ? [] : [alpha])].map((name) => {
      return { name, elementType: 'F32' as const, shape, byteLength: 1e9 }
    })
  })
  // PEFT's settings name a layer up to three times.
  const settings = pairs.reduce((sum, pair) => sum + 3 * (moduleOf(pair).length + 40), 0)
  // Characters of a name may be escaped, twice; beside it stands a hash.
  const hashes = files.reduce((sum, path) => sum + 12 * basename(path).length + 200, 0)
  // Encoded again, so that its length is one that a header can have.
  return encodeHeader(entries, {}, encodeHeader(entries, {}).byteLength + settings + hashes + METADATA_BYTES).byteLength
}

/** sha256 by path. */
async function hashesOf(
  sources: readonly SourceFile[],
  cacheFolder: string | undefined,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const hashes = new Map<string, string>()
  for (const { path, state } of sources)
    if (!hashes.has(path))
      hashes.set(path, await hashFile(path, { state, signal, ...(cacheFolder !== undefined && { cacheFolder }) }))
  return hashes
}

function noteOf(
  base: Checkpoint,
  specialist: Checkpoint,
  hashes: ReadonlyMap<string, string>,
  { kept, convolutionsKept }: ExtractOptions,
  { relativeError, leftOut, leftOutPart }: Omit<Extraction, 'bytes'>,
): Record<string, unknown> {
  const filesOf = ({ files }: Checkpoint): { file: string; sha256: string }[] =>
    files.map(({ path }) => ({ file: basename(path), sha256: hashes.get(path)! }))
  return {
    format: 'featurefusion-extraction',
    version: 1,
    base: basename(base.path),
    baseFiles: filesOf(base),
    specialist: basename(specialist.path),
    specialistFiles: filesOf(specialist),
    ...kept,
    ...(convolutionsKept && { convolutions: convolutionsKept }),
    relativeError,
    leftOut: leftOut.length,
    leftOutPart,
  }
}

function nothingChanged(base: Checkpoint, specialist: Checkpoint, include: readonly LoraComponent[]): FusionError {
  return new FusionError(
    'incompatible',
    `${specialist.path} changes no matrix of ${include.join(', ')} of ${base.path}: there is nothing to extract.`,
    { hint: 'Choose the model that was trained from this base, or include other parts.' },
  )
}
