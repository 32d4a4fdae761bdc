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
 * `computed`, `scaled` and `widened`. They are read in two places: by TensorReader, and by ONNX Runtime itself from the place that
 * NetworkGraph gives it.
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
  /** Of its blocks, where the file has some: checked whenever they are read (files/kept/checksums.ts). */
  checksums?: readonly string[]
  /** Where no file holds the tensor: how it is computed. `path` is then the adapter's, for messages; `offset` means nothing. */
  computed?: ComputedTensor
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
