import type { Checkpoint, Component, ComponentName, StoredTensor, TensorView } from '../checkpoint'
import { type NameTable, type Naming, viewOf } from '../key-maps/name-table'
import type { SafetensorsFile } from '../safetensors'

/** A checkpoint as its format opens it, before it is identified. */
export type OpenedParts = Omit<Checkpoint, 'architecture' | 'predictionType' | 'stated' | 'kind'> & {
  /** scheduler_config.json of a pipeline. */
  schedulerConfig: Record<string, unknown> | null
}

/** A format that is one file. */
export interface FileFormat {
  /** undefined where the file is of another format. */
  open(file: SafetensorsFile): Promise<OpenedParts | undefined>
}

/** A format that is a folder. */
export interface FolderFormat {
  /** undefined where the folder, with these names in it, is of another format. */
  open(path: string, entries: ReadonlySet<string>): Promise<OpenedParts | undefined>
}

/**
 * Tensors that are never merged, whatever the layout: the noise schedule, EMA copies of the training, and the markers
 * by which single files say what their network predicts.
 */
const EXTRA_NAMES =
  /^(?:model_ema\..*|(?:betas|alphas_cumprod(?:_prev)?|sqrt_alphas_cumprod|sqrt_one_minus_alphas_cumprod|log_one_minus_alphas_cumprod|sqrt_recip_alphas_cumprod|sqrt_recipm1_alphas_cumprod|posterior_(?:variance|log_variance_clipped|mean_coef[12])|logvar|scale_factor|denoiser\.sigmas)|v_pred|ztsnr|edm_[a-z_.]*)$/

export function isExtraName(name: string): boolean {
  return EXTRA_NAMES.test(name)
}

/** The component that `naming` finds in tensors (whose names all start with `prefix`); what it does not know is left. */
export function readComponent(
  name: ComponentName,
  tensors: readonly StoredTensor[],
  { prefix, naming }: { prefix: string; naming: Naming },
): { component: Component; left: StoredTensor[] } {
  const named = tensors.map((tensor) => tensor.name.slice(prefix.length))
  const table: NameTable = naming.fromStored(named)
  const views = new Map<string, TensorView>()
  const left: StoredTensor[] = []
  tensors.forEach((tensor, index) => {
    const found = table.toCanonical(named[index] as string).map((mapped) => viewOf(tensor, mapped))
    if (found.length === 0 || found.some((view) => !view || views.has(view.name))) left.push(tensor)
    else for (const view of found) if (view) views.set(view.name, view)
  })
  return { component: { name, config: null, tensors: views }, left }
}
