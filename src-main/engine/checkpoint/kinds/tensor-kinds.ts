import { FusionError } from '../../../contract/errors'
import { denoiserOf } from '../denoisers'
import type { Checkpoint, CheckpointKind } from '../model/checkpoint'
import type { StoredTensor } from '../containers/container'
import { unwrapped } from '../key-maps/wrappers'

/** A kind of safetensors file that is no Stable Diffusion checkpoint, recognised by its tensors. */
interface TensorKind extends CheckpointKind {
  is: (tensors: readonly StoredTensor[]) => boolean
}

/** A kind of file that changes a model. */
interface AdapterKind extends TensorKind {
  /** Whether engine/adapters reads it: it is then a specialist of its base. */
  isRead: boolean
}

type Test = TensorKind['is']

/** True where for each pattern some tensor's name matches. */
const named =
  (...patterns: readonly RegExp[]): Test =>
  (tensors) =>
    patterns.every((pattern) => tensors.some(({ name }) => pattern.test(name)))

/** True where every tensor's name matches. */
const onlyNamed =
  (pattern: RegExp): Test =>
  (tensors) =>
    tensors.length > 0 && tensors.every(({ name }) => pattern.test(name))

const MERGE_FIRST =
  'An adapter changes a model and is none. Merge it into its model first (with the program that made it, or with ' +
  'ComfyUI or kohya-ss), and use that model.'
const GIVE_AS_SPECIALIST =
  'An adapter changes a model and is none. Give it as a specialist of a merge, with its model as the base.'
const EMBEDDING = 'It is used when pictures are drawn, by its word: featurefusion generate --embedding FILE.'

const LORA_DOWN = /[._]lora_down\.weight$|[._]lora\.down\.weight$|\.lora_A\.(?:\w+\.)?weight$/
/** Widths of the text encoders whose words textual inversions teach. */
const TOKEN_WIDTHS = [768, 1024, 1280, 2048, 4096]

/** A low-rank convolution: its first factor has a kernel. */
const hasConvolutions: Test = (tensors) =>
  tensors.some(({ name, shape }) => /lora_mid/.test(name) || (LORA_DOWN.test(name) && (shape[2] ?? 1) > 1))

/** diffusers' learned_embeds: one tensor under the word itself. */
const isLearnedWord: Test = (tensors) => {
  const [only] = tensors
  if (!only || tensors.length > 1 || only.shape.length > 2 || only.name.includes('.')) return false
  return /^<.*>$/.test(only.name) || TOKEN_WIDTHS.includes(only.shape.at(-1) ?? 0)
}

const read = (title: string, is: Test): AdapterKind => ({ title, is, advice: GIVE_AS_SPECIALIST, isRead: true })
const adapter = (title: string, is: Test): AdapterKind => ({ title, is, advice: MERGE_FIRST, isRead: false })

const DORA = named(/[._]dora_scale$|lora_magnitude_vector/)
const LORA = named(/[._]lora_(?:up|down|A|B|mid|embedding_[AB]|linear_layer)(?:[._]|$)|[._]lora\.(?:up|down)\./)

/** Words for prompts. */
export const EMBEDDING_KIND: AdapterKind = {
  title: 'a textual inversion (embedding)',
  is: (tensors) =>
    onlyNamed(/^(?:emb_params|clip_[lgh]|t5xxl|string_to_(?:param|token)\..*)$/)(tensors) || isLearnedWord(tensors),
  advice: EMBEDDING,
  isRead: false,
}

/** Files that change a model, and words for it: none of them is a network that could be merged. First fit counts. */
const ADAPTER_KINDS: readonly AdapterKind[] = [
  adapter('a Control-LoRA (a ControlNet as low-rank changes)', named(/^lora_controlnet$/)),
  adapter('a ControlNet-LLLite', named(/^lllite_/)),
  read('a DoRA (a LoRA with magnitudes)', DORA),
  read('a LoHa (LyCORIS, Hadamard products)', named(/[._]hada_(?:w[12]_[ab]|t[12])/)),
  read('a LoKr (LyCORIS, Kronecker products)', named(/[._]lokr_[wt][12]/)),
  read('a BOFT (butterfly orthogonal fine-tuning)', (tensors) =>
    tensors.some(({ name, shape }) => /[._]oft_blocks$/.test(name) && shape.length === 4),
  ),
  read('an OFT (orthogonal fine-tuning)', named(/[._]oft_blocks$/)),
  read("a BOFT in PEFT's form", named(/\.boft_R(?:\.|$)/)),
  read("an OFT in PEFT's form", named(/\.oft_R(?:\.|$)/)),
  adapter('an OFT in an older form', named(/[._]oft_(?:diag|r)(?:[._]|$)/)),
  read('a GLoRA (generalised LoRA)', named(/\.a1\.weight$/, /\.a2\.weight$/, /\.b1\.weight$/, /\.b2\.weight$/)),
  read('an IA3 adapter', named(/[._]on_input$/)),
  read("an IA3 adapter in PEFT's form", named(/[._]ia3_l(?:[._]|$)/)),
  adapter('a VeRA adapter', named(/[._]vera_lambda/)),
  read('a LoCon (a LoRA that covers convolutions)', (tensors) => LORA(tensors) && hasConvolutions(tensors)),
  read('a LoRA (low-rank adapter)', LORA),
  read('an adapter of whole differences (LyCORIS full)', named(/\.diff(?:_b)?$/)),
  read('an adapter of norm layers (LyCORIS norm)', named(/\.[wb]_norm$/)),
  adapter('an adapter of custom diffusion', named(/_custom_diffusion\./)),
  read('an adapter (LyCORIS)', onlyNamed(/^(?:lora|lycoris)_/)),
  EMBEDDING_KIND,
]

const ALIKE = 'It can be merged only with files of its own kind, given as base and specialists.'
const OTHER_FAMILY =
  'Stable Diffusion 1, 2 and SDXL are known here. As a mere set of tensors it can be merged with models of its own kind.'

const network = (title: string, is: Test): TensorKind => ({ title, is, advice: ALIKE })
const family = (title: string, ...patterns: readonly RegExp[]): TensorKind => ({
  title,
  is: named(...patterns),
  advice: OTHER_FAMILY,
})
/** A pattern of names that stand at the beginning, or after the prefix of a single file or of ComfyUI. */
const root = (pattern: string): RegExp =>
  new RegExp(`^(?:model\\.diffusion_model\\.|diffusion_model\\.|model\\.|transformer\\.|net\\.)?(?:${pattern})`)

const CHECKPOINT = named(
  /^(?:(?:model\.)?diffusion_model|unet)\.(?:input_blocks\.0\.0|conv_in)\.weight$|^(?:cond_stage_model|conditioner|first_stage_model)\./,
)
/** In the names of a single file, so that its other layers would pass for a UNet's. */
const VIDEO_UNET = family('Stable Video Diffusion', /\.time_stack\.|\.time_mixer\.|\.temporal_transformer_blocks\./)

/** Some are parts of Stable Diffusion. */
export const TEXT_ENCODER_KIND: TensorKind = network(
  'a CLIP text encoder',
  named(/(?:^|^text_model\.)embeddings\.token_embedding\.weight$|^(?:\w+\.)*token_embedding\.(?:wrapped\.)?weight$/),
)

const T5_KIND: TensorKind = network(
  'a T5 text encoder',
  named(/(?:^|\.)encoder\.block\.0\.layer\.0\.SelfAttention\.q\.weight$/),
)

/** Whole networks of the field that are not Stable Diffusion's UNet. First fit counts. */
const NETWORK_KINDS: readonly TensorKind[] = [
  VIDEO_UNET,
  network('an AnimateDiff motion module', named(/motion_modules\./)),
  family('a Stable Diffusion 3 transformer', root('joint_blocks\\.')),
  family(
    'a Stable Diffusion 3 transformer',
    root('transformer_blocks\\.\\d+\\.attn\\.add_k_proj'),
    root('pos_embed\\.proj'),
  ),
  family('a HunyuanVideo transformer', root('double_blocks\\.'), root('txt_in\\.individual_token_refiner')),
  family('a Chroma transformer', root('distilled_guidance_layer\\.')),
  family('a FLUX transformer', root('double_blocks\\.|single_blocks\\.|single_transformer_blocks\\.')),
  family('a HiDream transformer', root('double_stream_blocks\\.')),
  family('a Qwen-Image transformer', root('transformer_blocks\\.\\d+\\.(?:txt_mlp|img_mod)\\.')),
  family('an AuraFlow transformer', root('double_layers\\.|joint_transformer_blocks\\.')),
  family('a Lumina transformer', root('context_refiner\\.|noise_refiner\\.')),
  family('a Mochi transformer', root('t5_yproj|t5_y_embedder')),
  family(
    'an LTX-Video transformer',
    root('patchify_proj\\.|proj_in\\.weight'),
    root('adaln_single\\.'),
    root('transformer_blocks\\.\\d+\\.attn1\\.(?:q|k)_norm|transformer_blocks\\.\\d+\\.attn1\\.norm_q'),
  ),
  family('a PixArt transformer', root('adaln_single\\.|t_block\\.1\\.'), root('caption_projection\\.|y_embedder\\.')),
  family('a CogVideoX transformer', root('patch_embed\\.text_proj')),
  family('a Wan video transformer', root('blocks\\.\\d+\\.(?:self_attn|attn1)\\.'), root('patch_embedding\\.')),
  family('a Hunyuan-DiT transformer', root('extra_embedder\\.|text_embedding_padding')),
  family('a Sana transformer', root('caption_norm\\.'), root('transformer_blocks\\.\\d+\\.ff\\.conv_')),
  family('a Stable Cascade network', root('clip_txt_pooled_mapper\\.|effnet_mapper\\.|clip_mapper\\.')),
  network(
    'a ControlNet',
    named(/^control_model\.|(?:^|\.)(?:zero_convs|input_hint_block)\.|^controlnet_\w*(?:blocks|embedd\w*)\./),
  ),
  network('a T2I-Adapter', named(/^(?:adapter\.)?body\.\d+\.(?:resnets\.\d+\.)?(?:block[12]|in_conv)\./)),
  network('an IP-Adapter', named(/^image_proj\.|^ip_adapter[._]/)),
  network(
    'an upscaler (ESRGAN and the like)',
    named(/\brdb\d\.|\bRDB\d\.|RRDB|\.residual_group\.|^conv_first\.weight$|^upconv1\./),
  ),
  T5_KIND,
  network(
    'a CLIP model (text and vision)',
    named(/^text_model\.encoder\.layers\.0\./, /^vision_model\.encoder\.layers\.0\./),
  ),
  network(
    'a CLIP vision encoder',
    named(/(?:^|\.)vision_model\.encoder\.layers\.0\.|^visual\.transformer\.resblocks\.0\./),
  ),
  TEXT_ENCODER_KIND,
  network('a language model', named(/(?:^|\.)layers\.0\.self_attn\.q_proj\.weight$/, /(?:^|\.)embed_tokens\.weight$/)),
  network('a preview decoder (TAESD)', named(/^(?:taesd_)?(?:decoder|encoder)?\.?(?:layers\.)?[13]\.conv\.0\.weight$/)),
]

const LONE_VAE: CheckpointKind = {
  title: 'a VAE alone',
  advice: 'Bake it into a merge, or draw with it, by --vae FILE.',
}
const LONE_TEXT_ENCODER: CheckpointKind = { title: 'a text encoder alone', advice: ALIKE }

/** The kind of network that tensors are, where they are no UNet of Stable Diffusion. */
export function networkKind(stored: readonly StoredTensor[]): CheckpointKind | undefined {
  const tensors = stored.map((tensor) => ({ ...tensor, name: unwrapped(tensor.name) }))
  if (CHECKPOINT(tensors)) return VIDEO_UNET.is(tensors) ? VIDEO_UNET : undefined
  return NETWORK_KINDS.find(({ is }) => is(tensors))
}

/** Whether a kind is a text encoder by itself. */
export function isTextEncoder(kind: CheckpointKind): boolean {
  return kind === TEXT_ENCODER_KIND || kind === T5_KIND
}

/** Whether a kind is the denoiser of another family than Stable Diffusion 1, 2 and SDXL. */
export function isOtherFamily({ advice }: CheckpointKind): boolean {
  return advice === OTHER_FAMILY
}

/** What a checkpoint without a denoiser is; null where it has one, or where nothing tells. */
export function kindOf({ components }: Pick<Checkpoint, 'components'>): CheckpointKind | null {
  const model = components.get('model')
  if (model) return networkKind([...model.tensors.values()].map(({ stored }) => stored)) ?? null
  if (denoiserOf({ components })) return null
  if (components.has('vae') && components.size === 1) return LONE_VAE
  return components.has('vae') ? null : LONE_TEXT_ENCODER
}

/** What a file is that changes a model, or holds words for one; undefined for all others. */
export function adapterKind(tensors: readonly StoredTensor[]): AdapterKind | undefined {
  return ADAPTER_KINDS.find(({ is }) => is(tensors))
}

/**
 * Refuses files that change a model and are none, and words for models.
 *
 * @throws FusionError 'unsupported', naming the kind and a tensor
 */
export function refuseAdapter(path: string, tensors: readonly StoredTensor[]): void {
  const kind = adapterKind(tensors)
  if (!kind) return
  const tensor = tensors.find((one) => kind.is([one])) ?? tensors[0]
  const what = kind.isRead ? 'no model by itself' : 'not supported here'
  throw new FusionError('unsupported', `${path} is ${kind.title}, which is ${what}.`, {
    ...(tensor && { detail: `Tensor ${tensor.name}` }),
    hint: kind.advice,
  })
}
