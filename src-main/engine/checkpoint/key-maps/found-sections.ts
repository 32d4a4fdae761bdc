import { identity } from './identity'
import { SD2_TEXT, UNET_SECTION, VAE_SECTION, type Section } from './single-file'
import { clipText, clipTextWithProjection, openClipText } from './text-encoder'
import { diffusersVae } from './vae'
import type { Naming } from './name-table'

/** A network by tensors that it has in one naming, whatever stands before their names. */
interface Mark {
  /** The tensor that is looked for; its beginning is the prefix. */
  end: string
  /** What must stand under the same prefix for the network to be this one. */
  others: readonly string[]
  section: (prefix: string, isSecond: boolean) => Section
}

const text = (end: string, other: string, naming: (isSecond: boolean) => Naming): Mark => ({
  end,
  others: [other],
  section: (prefix, isSecond) => ({
    component: isSecond ? 'text_encoder_2' : 'text_encoder',
    prefix,
    naming: naming(isSecond),
  }),
})
const clip = (isSecond: boolean): Naming => (isSecond ? clipTextWithProjection : clipText)
const wholeOpenClip = openClipText({ layers: Number.POSITIVE_INFINITY, projection: true })

const MARKS: readonly Mark[] = [
  {
    end: 'input_blocks.0.0.weight',
    others: ['time_embed.0.weight', 'output_blocks.0.0.in_layers.0.weight'],
    section: (prefix) => ({ ...UNET_SECTION, prefix }),
  },
  {
    end: 'conv_in.weight',
    others: ['time_embedding.linear_1.weight', 'up_blocks.0.resnets.0.conv1.weight'],
    section: (prefix) => ({ ...UNET_SECTION, prefix, naming: identity }),
  },
  {
    end: 'decoder.conv_in.weight',
    others: ['decoder.mid.block_1.norm1.weight'],
    section: (prefix) => ({ ...VAE_SECTION, prefix }),
  },
  {
    end: 'decoder.conv_in.weight',
    others: ['decoder.mid_block.resnets.0.norm1.weight'],
    section: (prefix) => ({ ...VAE_SECTION, prefix, naming: diffusersVae }),
  },
  text('text_model.embeddings.token_embedding.weight', 'text_model.encoder.layers.0.layer_norm1.weight', clip),
  text('text_model.embeddings.token_embedding.wrapped.weight', 'text_model.encoder.layers.0.layer_norm1.weight', clip),
  text('embeddings.token_embedding.weight', 'encoder.layers.0.layer_norm1.weight', clip),
  text('token_embedding.weight', 'transformer.resblocks.0.ln_1.weight', (isSecond) =>
    isSecond ? wholeOpenClip : SD2_TEXT.naming,
  ),
]

/** Networks of other kinds, and copies, have such tensors too. */
const OTHER_NETWORKS =
  /(?:^|\.)(?:control|controlnet|control_model|model_ema|safety_checker|image_encoder|embedding_manager)\w*\./
/** Of the first text encoder, whose projection pictures do not use. */
const CLIP_L_WIDTH = 768

/**
 * The networks in a file by tensors of theirs, under any prefix: for files of programs that are in no list.
 *
 * @param hasSecond whether the model has two text encoders (SDXL): the one with a projection is the second; undefined
 * where no denoiser tells
 */
export function foundSections(
  shapes: ReadonlyMap<string, readonly number[]>,
  hasSecond: boolean | undefined,
): Section[] {
  const found = new Map<string, Section>()
  for (const { end, others, section } of MARKS) {
    for (const [name, shape] of shapes) {
      if (!name.endsWith(end)) continue
      const prefix = name.slice(0, -end.length)
      const isPrefix = prefix === '' || (prefix.endsWith('.') && !prefix.endsWith('text_model.'))
      const isWhole = isPrefix && others.every((other) => shapes.has(prefix + other))
      if (!isWhole || found.has(prefix) || OTHER_NETWORKS.test(prefix)) continue
      const isProjected = shapes.has(`${prefix}text_projection.weight`) || shapes.has(`${prefix}text_projection`)
      found.set(prefix, section(prefix, (hasSecond ?? true) ? isProjected && shape[1] !== CLIP_L_WIDTH : false))
    }
  }
  return [...found.values()]
}
