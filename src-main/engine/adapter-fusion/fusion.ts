import type { FusionSettings } from '../../contract/adapter-fusion'
import type { LoraFormat, LoraType } from '../../contract/adapter-files'
import type { Project } from '../../contract/document/project'
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

/** How many names a note shows. */
const NAMES_SHOWN = 5

/** What a fused adapter is not: one sentence for each. @param given the project, before it was made a sum of adapters */
export function notesOnFusion(
  given: Project,
  fused: Project,
  { leftOut, withoutInputs }: Pick<Fusion, 'leftOut' | 'withoutInputs'>,
): string[] {
  const shown = leftOut.slice(0, NAMES_SHOWN).join(', ')
  return [
    ...(given.method.name === fused.method.name
      ? []
      : ["The project's method is no sum of models: here adapters are added up with their weights."]),
    ...(withoutInputs.length > 0
      ? [`Added up, since there are no real inputs of them: ${withoutInputs.length} layers.`]
      : []),
    ...(leftOut.length > 0
      ? [
          `Changed, but left out, since this naming has no form for them: ${shown}${leftOut.length > NAMES_SHOWN ? ' …' : ''}.`,
        ]
      : []),
  ]
}
