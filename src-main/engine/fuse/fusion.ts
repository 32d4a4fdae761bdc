import type { FusionSettings } from '../../contract/adapter-fusion'
import type { LoraFormat, LoraType } from '../../contract/adapter-files'
import type { LoraLayer } from '../extract/lora-metadata'
import type { Kept } from '../linear-algebra/truncated-svd'

export interface FuseOptions {
  /** The file to write. */
  path: string
  overwrite?: boolean
  format: LoraFormat
  type: LoraType
  fusion: FusionSettings
  /** Of every layer; null: all, as it is. */
  kept: Kept | null
  /** Of convolutions with a kernel of more than 1 × 1, where it differs. */
  convolutionsKept?: Kept
  /** Where hashes of the adapters' files are remembered. */
  cacheFolder?: string
  signal?: AbortSignal
  /** Called with the fraction that is done, 0 … 1. */
  onProgress?: (fraction: number) => void
}

/** What a fused adapter holds, and what it does not. */
export interface Fusion {
  layers: LoraLayer[]
  /** Biases and norms whose changes it holds whole. */
  whole: string[]
  /** √(Σ |S − up · down|² / Σ |S|²) of the fused changes S over all layers. */
  relativeError: number
  /** Layers without real inputs, which SSR-Merge only adds up. */
  withoutInputs: string[]
  /** Changed tensors that the file has no form for: nothing of their change is kept. */
  leftOut: string[]
  bytes: number
}
