import { FusionError } from '../../../contract/errors'
import { ConfigReader } from '../../architecture/config-reader'
import type { WeightsContainer } from '../../checkpoint/containers/container'
import { countOf, viewOf } from '../../checkpoint/key-maps/name-table'
import { openClipModel } from '../../checkpoint/key-maps/open-clip'
import { requiredShape, type NamedTensors } from '../../checkpoint/required-shape'
import type { TensorView } from '../../checkpoint/model/checkpoint'
import { publishedPreprocessing } from '../../diffusion/clip-image'
import type { ClipWeights } from '../clip/clip-weights'

/** Widths of ViT-H/14's heads, where no config says them: its shapes are known by the widths of both towers. */
const VIT_H = { vision: { width: 1280, head: 80 }, text: { width: 1024, head: 64 } }
/** ln(100), the largest that CLIP's training lets it become. */
const LOGIT_SCALE = Math.log(100)

/** What shapes tell of one tower. */
interface TowerSize {
  width: number
  inner: number
  layers: number
}

/**
 * A state dict of open_clip as a CLIPModel of transformers: sizes by the tensors' shapes, number of heads and activation
 * by open_clip_config.json, or ViT-H/14's.
 * @param config contents of open_clip_config.json; null where there is none
 * @throws FusionError 'malformed' (a tensor is missing or has another shape, by its name in the file), 'unsupported'
 */
export function openClipWeights(
  { file: { path }, tensors }: WeightsContainer,
  config: Readonly<Record<string, unknown>> | null,
): ClipWeights {
  const file: NamedTensors = { path, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) }
  const [visionWidth, , patch] = requiredShape(file, 'visual.conv1.weight', [null, 3, null, null])
  const [places] = requiredShape(file, 'visual.positional_embedding', [null, visionWidth])
  const [vocabulary, textWidth] = requiredShape(file, 'token_embedding.weight', [null, null])
  const [positions] = requiredShape(file, 'positional_embedding', [null, textWidth])
  const [, projected] = requiredShape(file, 'text_projection', [textWidth, null])
  requiredShape(file, 'visual.conv1.weight', [visionWidth, 3, patch, patch])
  requiredShape(file, 'visual.class_embedding', [visionWidth])
  requiredShape(file, 'visual.proj', [visionWidth, projected])
  const vision = towerOf(file, 'visual.transformer', visionWidth, ['visual.ln_pre', 'visual.ln_post'])
  const text = towerOf(file, 'transformer', textWidth, ['ln_final'])
  const settings = readSettings(path, config, vision, text)
  const image = Math.round(Math.sqrt(places - 1)) * patch
  const common = { hidden_act: settings.activation }
  return {
    path,
    tensors: viewsOf(tensors),
    vision: { ...common, ...sizes(vision, settings.visionHeads), image_size: image, patch_size: patch },
    text: {
      ...common,
      ...sizes(text, settings.textHeads),
      vocab_size: vocabulary,
      max_position_embeddings: positions,
      // Pooled at the highest id.
      eos_token_id: 2,
    },
    projected,
    logitScale: LOGIT_SCALE,
    preprocessing: { ...publishedPreprocessing(image), ...settings.normalisation },
  }
}

function sizes({ width, inner, layers }: TowerSize, heads: number): Readonly<Record<string, number>> {
  return { hidden_size: width, intermediate_size: inner, num_hidden_layers: layers, num_attention_heads: heads }
}

/** One transformer, every tensor of which must be there. */
function towerOf(file: NamedTensors, module: string, width: number, norms: readonly string[]): TowerSize {
  const names = [...file.tensors.keys()].filter((name) => name.startsWith(`${module}.`))
  const layers = countOf(names, /\.resblocks\.(\d+)\./)
  const [inner] = requiredShape(file, `${module}.resblocks.0.mlp.c_fc.weight`, [null, width])
  const linear = (name: string, outputs: number, inputs: number): void => {
    requiredShape(file, `${name}weight`, [outputs, inputs])
    requiredShape(file, `${name}bias`, [outputs])
  }
  const norm = (name: string): void => {
    for (const kind of ['weight', 'bias']) requiredShape(file, `${name}.${kind}`, [width])
  }
  for (let layer = 0; layer < layers; layer++) {
    const block = `${module}.resblocks.${layer}`
    linear(`${block}.attn.in_proj_`, 3 * width, width)
    linear(`${block}.attn.out_proj.`, width, width)
    linear(`${block}.mlp.c_fc.`, inner, width)
    linear(`${block}.mlp.c_proj.`, width, inner)
    for (const name of [`${block}.ln_1`, `${block}.ln_2`]) norm(name)
  }
  for (const name of norms) norm(name)
  return { width, inner, layers }
}

function viewsOf(tensors: WeightsContainer['tensors']): Map<string, TensorView> {
  const named = openClipModel(tensors.map(({ name }) => name))
  const views = tensors.flatMap((tensor) => named(tensor.name).flatMap((mapped) => viewOf(tensor, mapped) ?? []))
  return new Map(views.map((view) => [view.name, view]))
}

function readSettings(
  path: string,
  config: Readonly<Record<string, unknown>> | null,
  vision: TowerSize,
  text: TowerSize,
) {
  if (!config) {
    if (vision.width !== VIT_H.vision.width || text.width !== VIT_H.text.width)
      throw new FusionError('unsupported', `${path} does not say how many heads its transformers have.`, {
        hint: 'Put the open_clip_config.json of the model beside it.',
      })
    const heads = { visionHeads: vision.width / VIT_H.vision.head, textHeads: text.width / VIT_H.text.head }
    return { ...heads, activation: 'gelu', normalisation: {} }
  }
  const { model_cfg: model = config, preprocess_cfg: pixels = {} } = config as {
    model_cfg?: Record<string, unknown>
    preprocess_cfg?: Record<string, unknown>
  }
  const whole = new ConfigReader(model, 'open_clip model')
  whole.ignore('embed_dim', 'vision_cfg', 'text_cfg')
  const quick = whole.boolean('quick_gelu', false)
  whole.finish()
  const seen = new ConfigReader(objectOf(model['vision_cfg']), 'vision model (open_clip_config.json)')
  seen.ignore('image_size', 'layers', 'width', 'patch_size', 'mlp_ratio')
  const headWidth = seen.integer('head_width', 64)
  seen.finish()
  const read = new ConfigReader(objectOf(model['text_cfg']), 'text model (open_clip_config.json)')
  read.ignore('context_length', 'vocab_size', 'width', 'layers', 'mlp_ratio')
  const textHeads = read.integer('heads', 8)
  read.finish()
  if (vision.width % headWidth !== 0)
    throw seen.contradiction(`head_width ${headWidth} does not divide the width ${vision.width}`)
  const shown = new ConfigReader(pixels, 'preprocessing (open_clip_config.json)')
  const [means, deviations] = [shown.optionalNumbers('mean', 3), shown.optionalNumbers('std', 3)]
  return {
    visionHeads: vision.width / headWidth,
    textHeads,
    activation: quick ? 'quick_gelu' : 'gelu',
    normalisation: { ...(means && { means }), ...(deviations && { deviations }) },
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
