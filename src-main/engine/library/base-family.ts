import type { BaseFamily } from '../../contract/library'
import type { StoredTensor } from '../checkpoint/containers/container'

/** What a model was made from. */
export interface Base {
  family: BaseFamily
  /** In words: 'SDXL inpainting'. */
  title: string
}

const TITLES: Readonly<Record<Exclude<BaseFamily, 'other'>, string>> = { sd1: 'SD 1.x', sd2: 'SD 2.x', sdxl: 'SDXL' }

const REFINER_WIDTH = 1280
const REFINER: Base = { family: 'sdxl', title: 'SDXL refiner' }
/** Widths of the text states that a UNet's attention reads. */
const TEXT_WIDTHS: ReadonlyMap<number, Base> = new Map([
  [768, known('sd1')],
  [1024, known('sd2')],
  [2048, known('sdxl')],
  [REFINER_WIDTH, REFINER],
])
/** Channels that a UNet takes beside its 4 latents, by what they are for. */
const VARIANTS: ReadonlyMap<number, string> = new Map([
  [9, ' inpainting'],
  [8, ' pix2pix'],
  [5, ' depth'],
])

/** Weights over the text's states: of a UNet, or (with their input last) of an adapter's factor. */
const TEXT_ATTENTION = /attn2[._](?:processor[._])?to_[kv]/
const OTHER_FACTORS = /lora_up|lora_B|[._]up\.|hada_w[12]_a|lokr_|\.[ab]1\.|\.b2\.|alpha|scale|magnitude|\.bias$/
const FIRST_CONVOLUTION = /(?:^|\.)(?:input_blocks\.0\.0|conv_in)\.weight$/
const ENCODER = /(?:^|\.)(?:encoder|decoder)\./

/** Networks of other families, by names of their layers in adapters of every naming. */
const OTHER_LAYERS: readonly (readonly [RegExp, string])[] = [
  [/(?:double_blocks|single_blocks|single_transformer_blocks)[._]/, 'FLUX'],
  [/joint_blocks[._]/, 'Stable Diffusion 3'],
]

/** What metadata call a base (kohya's `ss_base_model_version`, Stability's `modelspec.architecture`). */
export const BASE_KEYS = ['ss_base_model_version', 'modelspec.architecture']
const BASE_WORDS: readonly (readonly [RegExp, Base])[] = [
  [/sdxl|stable-diffusion-xl/i, known('sdxl')],
  [/^sd_?v?3|stable-diffusion-v?3/i, { family: 'other', title: 'Stable Diffusion 3' }],
  [/^sd_?v?2|stable-diffusion-v2/i, known('sd2')],
  [/^sd_?v?1|stable-diffusion-v1/i, known('sd1')],
  [/flux/i, { family: 'other', title: 'FLUX' }],
]
const MOST_TITLE = 60

/** The base of a UNet, by the layers that tell architectures apart (denoisers/unet-traits.ts); null for any other. */
export function baseOfUnet(tensors: readonly StoredTensor[]): Base | null {
  const find = (pattern: RegExp): StoredTensor | undefined => tensors.find(({ name }) => pattern.test(name))
  const attention = tensors.find(({ name, shape }) => TEXT_ATTENTION.test(name) && shape.length === 2)
  const projection = find(/\.proj_in\.weight$/)
  if (!attention || !projection) return null
  const takesSizes = find(/(?:^|\.)(?:label_emb|add_embedding)\./) !== undefined
  const isLinear = projection.shape.length === 2
  const family = takesSizes ? 'sdxl' : isLinear ? 'sd2' : 'sd1'
  const { title } = takesSizes && attention.shape[1] === REFINER_WIDTH ? REFINER : known(family)
  const first = tensors.find(({ name }) => FIRST_CONVOLUTION.test(name) && !ENCODER.test(name))
  return { family, title: title + (VARIANTS.get(first?.shape[1] ?? 0) ?? '') }
}

/** The base of an adapter, by the shapes of its factors, by names of its modules, else by its metadata. */
export function baseOfAdapter(
  tensors: readonly StoredTensor[],
  metadata: Readonly<Record<string, string>>,
): Base | null {
  const other = OTHER_LAYERS.find(([layer]) => tensors.some(({ name }) => layer.test(name)))
  if (other) return { family: 'other', title: other[1] }
  for (const { name, shape } of tensors) {
    const width = shape.length === 2 && TEXT_ATTENTION.test(name) && !OTHER_FACTORS.test(name) ? shape[1]! : 0
    if (TEXT_WIDTHS.has(width)) return TEXT_WIDTHS.get(width)!
  }
  return baseOfMetadata(metadata) ?? baseOfTextFactors(tensors)
}

/** The base of a text encoder, or of words for it, by its width: SD 1.x and SDXL share the one of 768. */
export function baseOfTextWidth(width: number): Base | null {
  if (width === 1024) return known('sd2')
  return width === 1280 ? known('sdxl') : null
}

/** The base of a textual inversion: SDXL's has vectors for two text encoders. */
export function baseOfWords(tensors: readonly StoredTensor[]): Base | null {
  if (tensors.some(({ name }) => name === 'clip_g')) return known('sdxl')
  const width = tensors[0]?.shape.at(-1) ?? 0
  return width === 768 ? known('sd1') : baseOfTextWidth(width)
}

/** A base of another family. @param title of the kind of network, with its article */
export function otherBase(title: string): Base {
  return { family: 'other', title: withoutArticle(title).replace(/ (?:transformer|network)$/, '') }
}

export function withoutArticle(title: string): string {
  return title.replace(/^an? /, '')
}

function baseOfMetadata(metadata: Readonly<Record<string, string>>): Base | null {
  const text = BASE_KEYS.flatMap((key) => metadata[key] ?? []).find((one) => one !== '' && one !== 'None')
  if (text === undefined) return null
  const found = BASE_WORDS.find(([word]) => word.test(text))
  return found ? found[1] : { family: 'other', title: text.slice(0, MOST_TITLE) }
}

/** Adapters of text encoders alone. */
function baseOfTextFactors(tensors: readonly StoredTensor[]): Base | null {
  if (tensors.some(({ name }) => /^lora_te[12]_|^text_encoder_2\./.test(name))) return known('sdxl')
  const factor = tensors.find(
    ({ name, shape }) => /^lora_te_|^text_encoder\./.test(name) && shape.length === 2 && !OTHER_FACTORS.test(name),
  )
  const width = factor?.shape[1] ?? 0
  return width === 768 || width === 1024 ? TEXT_WIDTHS.get(width)! : null
}

function known(family: keyof typeof TITLES): Base {
  return { family, title: TITLES[family] }
}
