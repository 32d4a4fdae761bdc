import type { StoredTensor } from '../containers/container'

/** What tensors that belong to no component are, and what a merge does with the base's. */
interface ExtraKind {
  title: string
  name: RegExp
  /** Left out of merges: what they say of the base would be wrong of the merge. */
  dropped?: boolean
  /** What files of Stable Diffusion have, and nobody needs to be told of. */
  usual?: boolean
  /** May hold infinity: the tables of a noise schedule whose last step is pure noise. */
  unbounded?: boolean
}

const MARKERS: ExtraKind = {
  title: 'markers of what the UNet predicts',
  name: /^(?:v_pred|ztsnr|edm_[a-z_.]*)$/,
  usual: true,
}

const ACTIVATION_SCALES: ExtraKind = {
  title: 'scales of activations, which the weights do not need',
  name: /(?:^|\.)(?:scale_input|input_scale(?:_ub)?)$/,
  dropped: true,
}

const EMA_COPIES: ExtraKind = { title: 'EMA copies of the weights', name: /^model_ema\./, dropped: true }
/** By trainers' names for them, which a network may have, too: they are copies only beside the network itself. */
const TRAINERS_EMA_COPIES: ExtraKind = { ...EMA_COPIES, name: /^(?:ema|ema_model)\./ }

const NEVER_MERGED: readonly ExtraKind[] = [
  EMA_COPIES,
  {
    title: 'the noise schedule',
    name: /^(?:betas|alphas_cumprod(?:_prev)?|sqrt_alphas_cumprod|sqrt_one_minus_alphas_cumprod|log_one_minus_alphas_cumprod|sqrt_recip_alphas_cumprod|sqrt_recipm1_alphas_cumprod|posterior_(?:variance|log_variance_clipped|mean_coef[12])|logvar|scale_factor|denoiser\.sigmas)$/,
    usual: true,
    unbounded: true,
  },
  MARKERS,
  ACTIVATION_SCALES,
]

const EXTRA_KINDS: readonly ExtraKind[] = [
  ...NEVER_MERGED,
  TRAINERS_EMA_COPIES,
  {
    title: 'parts of the text encoder that pictures do not use',
    name: /^(?:cond_stage_model\.|conditioner\.embedders\.\d\.|text_encoders?\w*\.)(?:clip_\w\.)?(?:model\.|transformer\.)?(?:transformer\.resblocks\.\d+\.|text_projection|logit_scale|attn_mask|text_model\.embeddings\.position_ids)|^(?:text_projection\.weight|logit_scale)$/,
    usual: true,
  },
  { title: "the loss of the VAE's training", name: /^first_stage_model\.(?:loss|model_ema)\./ },
  { title: 'a ControlNet', name: /^control_model\./ },
  { title: 'embeddings', name: /^(?:embedding_manager|bundled_embeddings)\./ },
  { title: 'a safety checker', name: /^safety_checker\./ },
  { title: 'another text encoder', name: /^(?:cond_stage_model|conditioner|text_encoders?\w*)\./ },
  { title: 'another VAE', name: /^(?:first_stage_model|vae)\./ },
  { title: 'unknown parts of the UNet', name: /^model\.diffusion_model\./ },
]

const UNKNOWN = 'tensors that are not known here'
/** How many unknown names a group's label shows. */
const NAMES_SHOWN = 3

/** Extras of one kind. */
export interface ExtraGroup extends Pick<ExtraKind, 'title' | 'dropped' | 'usual'> {
  tensors: StoredTensor[]
}

/** Whether a tensor is never merged, whatever the layout. */
export function isExtraName(name: string): boolean {
  return NEVER_MERGED.some((kind) => kind.name.test(name))
}

/** Whether a merge leaves a base's extra out. */
export function isDropped({ name }: Pick<StoredTensor, 'name'>): boolean {
  return kindOf(name)?.dropped === true
}

/** Whether a name, or its prefix, is that of an EMA copy, if the file has the weights themselves. */
export function isEmaName(name: string): boolean {
  return [EMA_COPIES, TRAINERS_EMA_COPIES].some((kind) => kind.name.test(name))
}

/** Whether infinity in an extra is as it should be. */
export function mayBeInfinite({ name }: Pick<StoredTensor, 'name'>): boolean {
  return kindOf(name)?.unbounded === true
}

/** Whether an extra says what a checkpoint's UNet predicts. */
export function isMarker({ name }: Pick<StoredTensor, 'name'>): boolean {
  return MARKERS.name.test(name)
}

/** Whether a tensor scales what a layer gets, not its weight: programs that compute in 8 bits need it. */
export function isActivationScale(name: string): boolean {
  return ACTIVATION_SCALES.name.test(name)
}

/** A checkpoint's extras by kind, every one in one group. */
export function groupExtras(extras: readonly StoredTensor[]): ExtraGroup[] {
  const groups = new Map<string, ExtraGroup>()
  for (const tensor of extras) {
    const kind = kindOf(tensor.name) ?? { title: UNKNOWN }
    const group = groups.get(kind.title) ?? { ...kind, tensors: [] }
    group.tensors.push(tensor)
    groups.set(kind.title, group)
  }
  return [...groups.values()]
}

/** 'EMA copies of the weights (model_ema.*, 688 tensors)'. */
export function groupInWords({ title, tensors }: ExtraGroup): string {
  const roots = [...new Set(tensors.map(({ name }) => (name.includes('.') ? `${name.split('.', 1)[0]}.*` : name)))]
  const shown = roots.length > NAMES_SHOWN ? [...roots.slice(0, NAMES_SHOWN), '…'] : roots
  return `${title} (${shown.join(', ')}; ${tensors.length === 1 ? '1 tensor' : `${tensors.length} tensors`})`
}

function kindOf(name: string): ExtraKind | undefined {
  return EXTRA_KINDS.find((kind) => kind.name.test(name))
}
