import type { COMPONENTS, LAYOUTS } from '../../../contract/document/models'
import type { AdapterStrengths, PredictionType } from '../../../contract/document/project'
import type { SourceFile, StoredRun, StoredTensor } from '../containers/container'

export type { PredictionType }

/**
 * A tensor in diffusers' form, seen through the layout of the file that stores it (architecture.md, rule 4): a run of
 * whole elements of a stored tensor, row-major in `shape`, or with its first two axes swapped (OpenCLIP's
 * text_projection; the rows of a transposed convolution).
 */
export interface TensorView extends StoredRun {
  /** Name in diffusers' form, without the component: `down_blocks.0.resnets.0.conv1.weight`. */
  name: string
}

export type ComponentName = (typeof COMPONENTS)[number]

export interface Component {
  name: ComponentName
  /** The config.json beside the weights; inferred from shapes for single files; null for 'model'. */
  config: Record<string, unknown> | null
  /** Whether `config` was inferred from shapes, and the rest taken from the architecture of the checkpoint. */
  isConfigInferred?: boolean
  /** By name in diffusers' form, in the order of the file. */
  tensors: Map<string, TensorView>
}

/** What each is, in words and files: identify/architectures.ts. */
export type Architecture =
  | 'sd1'
  | 'sd1-inpainting'
  | 'sd1-pix2pix'
  | 'sd2'
  | 'sd2-v'
  | 'sd2-inpainting'
  | 'sdxl-base'
  | 'sdxl-inpainting'
  | 'sdxl-refiner'
  | 'unknown'

export type Layout = (typeof LAYOUTS)[number]

/** What a checkpoint itself says of how its UNet was trained, rather than what its family usually does. */
export interface StatedPrediction {
  type: PredictionType | null
  /** The last timestep of its training had no signal. */
  zeroTerminalSnr: boolean
  /** EDM's parametrisation, which is none of the prediction types. */
  edm: boolean
  /** `type` is a person's word, which goes before any file's. */
  chosen: boolean
}

/** Something about a checkpoint that a person should know; it does not stop the checkpoint from opening. */
export interface Problem {
  severity: 'error' | 'warning'
  message: string
  /** It matters where the model is used by itself, not in a merge. */
  isOfModelAlone?: true
}

/** A kind of file in words, and what to do with it. */
export interface CheckpointKind {
  title: string
  advice: string
}

/** A checkpoint opened from its headers alone: no weight has been read. */
export interface Checkpoint {
  /** Absolute path of the file or folder that was opened. */
  path: string
  /** Where this is what an adapter at `path` makes of a base (engine/adapters): of which, and how strongly. */
  adapted?: { base: Checkpoint; strengths: AdapterStrengths }
  layout: Layout
  architecture: Architecture
  /** Where headers and configs tell; null where only the weights could. */
  predictionType: PredictionType | null
  stated: StatedPrediction
  /** By name; in the order of COMPONENTS. */
  components: Map<ComponentName, Component>
  /** Stored tensors that belong to no component (schedules, EMA copies, markers): copied from the base, never merged. */
  extras: StoredTensor[]
  files: SourceFile[]
  /** `__metadata__` of the (first) weights file. */
  metadata: Readonly<Record<string, string>>
  problems: Problem[]
  /** How many weights of its UNet have an EMA copy in its file. */
  emaCopies: number
  /** Whether these copies are read in place of the weights. */
  usesEma: boolean
  /** What it is, where it is no checkpoint of Stable Diffusion (a ControlNet, a VAE alone); after 'PATH is '. */
  kind: CheckpointKind | null
}

/** A checkpoint as its format opens it, before it is identified. */
export type OpenedParts = Omit<
  Checkpoint,
  'architecture' | 'predictionType' | 'stated' | 'kind' | 'emaCopies' | 'usesEma'
> & {
  /** scheduler_config.json of a pipeline. */
  schedulerConfig: Record<string, unknown> | null
}
