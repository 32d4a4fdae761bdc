import type { FormName, FormSettings } from '../../adapter-forms/settings'
import type { ElementType } from '../../tensor/element-type'

/** A file that is read, with what is needed to notice that it changed. */
export interface SourceFile {
  /** Absolute: messages name the file by it. */
  path: string
  size: number
  /** Of the file when it was opened (files/reading/file-state.ts). */
  state: string
}

/**
 * One tensor as a file stores it: what it is, and where its bytes are. Plain data, since it is sent to the threads that
 * read. Its elements lie in the file one after the other, row-major, little-endian, not compressed, but for `strides`,
 * `computed`, `scaled`, `widened`, `permuted`, `combined` and `merged`. They are read in two places: by TensorReader, and, where
 * `liesInFile`, by ONNX Runtime itself from the place that NetworkGraph gives it.
 */
export interface StoredTensor {
  /** Name in the file. */
  name: string
  elementType: ElementType
  shape: readonly number[]
  /** Absolute path of the file. */
  path: string
  /** First byte of the tensor's data, counted from the start of the file. */
  offset: number
  /** Elements times bytes per element. */
  byteLength: number
  /** Elements between neighbours along every axis, where they do not lie row-major (PyTorch's transposed tensors). */
  strides?: readonly number[]
  /** Where the file holds codes with a scale: what this tensor, in float32, is read from. */
  scaled?: ScaledTensor
  /** Where a narrower and a wider convolution make up the tensor. */
  widened?: WidenedTensor
  /** Where the tensor has rows or columns of another in another order; `offset` means nothing. */
  permuted?: PermutedTensor
  /** Where its rows or columns are sums of another's; `offset` means nothing. */
  combined?: CombinedTensor
  /** Of its blocks, where the file has some: checked whenever they are read (files/kept/checksums.ts). */
  checksums?: readonly string[]
  /** Where no file holds the tensor: how it is computed. `path` is then the adapter's, for messages; `offset` means nothing. */
  computed?: ComputedTensor
  /** Where a merge that is not written would hold it. `path` is then that of the merge's project; `offset` means nothing. */
  merged?: MergedTensor
}

/** Fills `into` with elements of a tensor from element `start` on. */
export type ReadElements = (stored: StoredTensor, start: number, into: Uint8Array) => void

/** Whether a tensor's bytes, or the codes and scales that it is read from, are in a file, so that others can read them there. */
export function liesInFile({ computed, merged, widened, permuted, combined, scaled }: StoredTensor): boolean {
  if (scaled) return liesInFile(scaled.codes) && liesInFile(scaled.scale)
  return !computed && !merged && !widened && !permuted && !combined
}

/** A run of whole elements of a stored tensor, row-major in `shape`, or with its first two axes swapped. */
export interface StoredRun {
  shape: readonly number[]
  stored: StoredTensor
  /** First element inside the stored tensor. */
  start: number
  transposed: boolean
}

/** A weight as an adapter changes it: its rows are computed from the weight and the adapter's factors when they are read. */
export interface ComputedTensor {
  /** The same for equal tensors only. */
  key: string
  weight: StoredRun
  form: FormName
  /** By the form's names for them. */
  factors: Readonly<Record<string, StoredTensor>>
  settings: FormSettings
}

/** A tensor as a merge would write it: its bytes are computed when they are read (merged-tensors.ts). */
export interface MergedTensor {
  /** In the order of their bytes; together they cover the tensor. */
  parts: readonly MergedPart[]
}

/** Bytes of a merged tensor that come out of one piece of work. */
export interface MergedPart {
  /** The same for equal work only. */
  key: string
  /** First byte in the tensor; negative where the work begins with another tensor's bytes. */
  offset: number
  byteLength: number
  /** Which of the work's results this is: a layer has its weight and its bias. */
  result: number
  /** Plain data of engine/merge, which alone knows what it means. */
  work: object
}

/** Codes of 8 bits of which each means its value times the scale: one for all, or one for each part along the first axis. */
export interface ScaledTensor {
  codes: StoredTensor
  scale: StoredTensor
}

/** A convolution [out, in, …] whose first input channels are one tensor's, all others another's. */
export interface WidenedTensor {
  narrow: StoredTensor
  wide: StoredTensor
}

/** Rows and columns of a tensor in another order: which of the source stands at each place; null: as they are. */
export interface PermutedTensor {
  source: StoredRun
  rows: Int32Array | null
  columns: Int32Array | null
}

/** Rows and columns that are sums of those of another tensor; null: they are its own. */
export interface CombinedTensor {
  source: StoredRun
  rows: Combination | null
  columns: Combination | null
}

/** Sums over places of an axis: of each, the sources and shares from `starts` of its own to that of the next. */
export interface Combination {
  /** One more than there are places. */
  starts: Int32Array
  sources: Int32Array
  shares: Float64Array
}

/**
 * A file of named tensors, whatever its container (safetensors, PyTorch's pickles): all that the formats in `formats/` know of it. It was
 * opened from its header alone. No weight was read and nothing is held open: weights are read, and files closed, by
 * TensorReader.
 */
export interface WeightsContainer {
  readonly file: SourceFile
  /** Texts by key; empty where the container has none. */
  readonly metadata: Readonly<Record<string, string>>
  /** Each name once, in the order of their data. */
  readonly tensors: readonly StoredTensor[]
  /** What else it holds and is not read, in words, each after 'left aside is'. */
  readonly leftAside: readonly string[]
}
