import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import type { LoraFormat, LoraType } from '../../contract/adapter-files'
import { FusionError } from '../../contract/errors'
import { yieldOrCancel } from '../cancel'
import type { SourceFile } from '../checkpoint/containers/container'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import { hashFiles } from '../checkpoint/hash'
import { isMergeable } from '../checkpoint/mergeable'
import type { Checkpoint, TensorView } from '../checkpoint/model/checkpoint'
import { checkTargetOutsideSources } from '../files/writing/target'
import { checkCompatible } from '../merge/plan/plan'
import { elementCount } from '../tensor/element-type'
import { ChangeReader } from './layer-change'
import { factorLayers } from './layer-processes'
import { LoraFile, type LoraTarget } from './lora-file'
import { moduleOf } from '../checkpoint/model/module-name'
import { hasKernel, isLoraLayer, isVector } from './lora-layers'
import { loraMetadata, type LoraLayer } from './lora-metadata'
import { LORA_COMPONENTS, type LoraComponent } from './lora-names'
import { RoundedTensors } from './rounded-tensors'
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
  /** Whether changes of norms and biases are written too, whole, as LyCORIS does; PEFT's naming has no form for them. */
  norms?: boolean
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
  /** Norms and biases whose changes it holds whole. */
  whole: string[]
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

/** Each holds a few of the largest layers in memory. */
const MOST_PROCESSES = 8

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
  const vectors =
    options.norms === true && options.format === 'kohya' ? others.filter((pair) => isVector(pair.base)) : []
  const file = await LoraFile.create(options.path, {
    overwrite: options.overwrite === true,
    format: options.format,
    type: options.type,
    base,
    layers: layers.map(targetOf),
    whole: vectors.map(targetOf),
    sources: files,
  })
  const sources = [...base.files, ...specialist.files]
  const reader = new TensorReader(sources)
  const failed = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal
  try {
    const [found, hashes] = await Promise.all([
      extractLayers(layers, sources, file, { ...options, signal }),
      hashFiles(sources, { signal, ...(options.cacheFolder !== undefined && { cacheFolder: options.cacheFolder }) }),
    ])
    const changes = new ChangeReader(reader)
    const whole = await addVectors(vectors, changes, file, options)
    if (found.layers.length + whole.length === 0) throw nothingChanged(base, specialist, include)
    const notWritten = others.filter((pair) => !vectors.includes(pair))
    const left = await leftOutOf(notWritten, changes, options.signal)
    const result = {
      layers: found.layers,
      relativeError: found.total === 0 ? 0 : Math.sqrt(found.lost / found.total),
      whole,
      unchanged: found.unchanged,
      leftOut: left.names,
      leftOutPart: left.total === 0 ? 0 : Math.sqrt(left.total / (left.total + found.total)),
      notes,
    }
    reader.checkUnchanged()
    const note = JSON.stringify(noteOf(base, specialist, hashes, options, result))
    const more = { featurefusion_extraction: note }
    return {
      ...result,
      bytes: await file.finish(loraMetadata(options.format, result.layers, base.architecture, more)),
    }
  } catch (error) {
    failed.abort()
    await file.discard()
    throw error
  } finally {
    reader.close()
  }
}

function has({ components }: Checkpoint, name: LoraComponent): boolean {
  return components.has(name)
}

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
  return {
    layers: pairs.filter(({ base: view }) => isLoraLayer(view)),
    others: pairs.filter(({ base: view }) => !isLoraLayer(view)),
  }
}

/** Layers that were found to have changed, written in their order. */
async function extractLayers(
  pairs: readonly Pair[],
  sources: readonly SourceFile[],
  file: LoraFile,
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
    file.addLayer({ component, name: base.name, shape: base.shape }, factors)
    result.layers.push({ component, module: moduleOf(base.name), rank, relativeError: Math.sqrt(lost / total) })
    result.lost += lost
    result.total += total
  })
  return result
}

function targetOf({ component, base: { name, shape } }: Pair): LoraTarget {
  return { component, name, shape }
}

/** @returns the names of the norms and biases that have changed */
async function addVectors(
  pairs: readonly Pair[],
  changes: ChangeReader,
  file: LoraFile,
  { type, signal }: Pick<ExtractOptions, 'type' | 'signal'>,
): Promise<string[]> {
  const rounding = new RoundedTensors()
  const names: string[] = []
  for (const pair of pairs) {
    await yieldOrCancel(signal)
    const data = changes.read(pair.base, pair.specialist, true)
    if (sumOfSquares(data) === 0) continue
    file.addWhole(targetOf(pair), rounding.round({ data, rows: 1, columns: data.length }, type, pair.base).bytes)
    names.push(`${pair.component}.${pair.base.name}`)
  }
  return names
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

function noteOf(
  base: Checkpoint,
  specialist: Checkpoint,
  hashes: ReadonlyMap<string, string>,
  { kept, convolutionsKept }: ExtractOptions,
  { relativeError, whole, leftOut, leftOutPart }: Omit<Extraction, 'bytes'>,
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
    whole: whole.length,
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
