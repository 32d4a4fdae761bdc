import type { ModelFacts } from '../../contract/library'
import { FORMS } from '../adapter-forms/index'
import { parseFactorName } from '../adapters/factor-names'
import type { StoredTensor, WeightsContainer } from '../checkpoint/containers/container'
import { withScales } from '../checkpoint/containers/derived/scaled-weights'
import { refuseQuantised } from '../checkpoint/kinds/quantised'
import {
  adapterKind,
  EMBEDDING_KIND,
  isOtherFamily,
  isTextEncoder,
  networkKind,
  refuseAdapter,
} from '../checkpoint/kinds/tensor-kinds'
import {
  baseOfAdapter,
  baseOfTextWidth,
  baseOfUnet,
  baseOfWords,
  otherBase,
  withoutArticle,
  type Base,
} from './base-family'
import { representatives } from './representatives'

/** Where trainers name thousands of modules alike, so many of their tensors tell the form and the rank. */
const TENSORS_FOR_RANK = 128

const UNET = /(?:^|\.)(?:input_blocks\.0\.0|conv_in)\.weight$/
const UNET_ATTENTION = /(?:^|\.)(?:attn2\.to_k|time_embedding\.linear_1|time_embed\.0)\.weight$/
const VAE = /(?:^|\.)decoder\.conv_in\.weight$/
const TEXT_ENCODER = /token_embedding\.(?:wrapped\.)?weight$|(?:^|\.)shared\.weight$/
const EMBEDDING_NOTE = 'A word for prompts, not a model: featurefusion generate --embedding FILE.'

/** Facts that most kinds do not have. */
export const NO_FACTS = { form: null, rank: null, base: null, baseTitle: null, problem: null, note: null }

/**
 * What a file of weights is, by names and shapes of its tensors.
 * @throws FusionError 'unsupported' for what is not read here, by what it is
 */
export function modelFacts(file: WeightsContainer): ModelFacts {
  const tensors = representatives(file.tensors)
  const adapter = adapterKind(tensors)
  if (adapter?.isRead) {
    const base = baseOfAdapter(tensors, file.metadata)
    return {
      ...NO_FACTS,
      kind: 'adapter',
      form: withoutArticle(adapter.title),
      rank: rankOf(file.tensors),
      ...words(base),
    }
  }
  if (adapter === EMBEDDING_KIND)
    return { ...NO_FACTS, kind: 'embedding', note: EMBEDDING_NOTE, ...words(baseOfWords(tensors)) }
  if (adapter) refuseAdapter(file.file.path, file.tensors)
  return networkFacts(file, tensors)
}

function networkFacts(file: WeightsContainer, tensors: readonly StoredTensor[]): ModelFacts {
  const hasScales = tensors.some(({ name, elementType }) => /scale|quant/i.test(name) || elementType.startsWith('F8'))
  const meant = hasScales ? withScales(file).tensors : tensors
  refuseQuantised({ path: file.file.path, components: new Map(), extras: [...meant] })
  const has = (pattern: RegExp): boolean => tensors.some(({ name }) => pattern.test(name))
  const isUnet = has(UNET) && has(UNET_ATTENTION)
  // A few kinds are told by a layer of one number.
  const kind = networkKind(tensors) ?? (isUnet ? undefined : networkKind(file.tensors))
  const hasText = has(TEXT_ENCODER)
  const hasVae = has(VAE)
  if (!kind && isUnet) {
    const isWhole = hasText || hasVae
    return { ...NO_FACTS, kind: isWhole ? 'checkpoint' : 'unet', ...words(baseOfUnet(tensors)) }
  }
  if (!kind && hasVae) return { ...NO_FACTS, kind: 'vae' }
  if (kind && isTextEncoder(kind)) {
    const width = tensors.find(({ name }) => TEXT_ENCODER.test(name))?.shape[1] ?? 0
    return { ...NO_FACTS, kind: 'text-encoder', form: withoutArticle(kind.title), ...words(baseOfTextWidth(width)) }
  }
  if (!kind) return { ...NO_FACTS, kind: 'other', form: 'tensors of an unknown network' }
  const isFamily = isOtherFamily(kind)
  const facts = { ...NO_FACTS, form: withoutArticle(kind.title), ...words(isFamily ? otherBase(kind.title) : null) }
  return { ...facts, kind: isFamily && (hasText || hasVae) ? 'checkpoint' : 'other' }
}

/** A base as facts have it. */
export function words(base: Base | null): Pick<ModelFacts, 'base' | 'baseTitle'> {
  return { base: base?.family ?? null, baseTitle: base?.title ?? null }
}

/** The largest rank among an adapter's first modules; null for forms without. */
function rankOf(tensors: readonly StoredTensor[]): number | null {
  const modules = new Map<string, Map<string, readonly number[]>>()
  const factors = tensors.filter(({ shape }) => shape.length > 1).slice(0, TENSORS_FOR_RANK)
  for (const { name, shape } of factors) {
    const parsed = parseFactorName(name)
    if (!parsed) continue
    const shapes = modules.get(parsed.module) ?? new Map<string, readonly number[]>()
    modules.set(parsed.module, shapes.set(parsed.factor, shape))
  }
  const ranks = [...modules.values()].flatMap((shapes) => {
    const shape = (name: string): readonly number[] | undefined => shapes.get(name)
    const rank = Object.values(FORMS)
      .find((form) => form.is(shape))
      ?.rank(shape)
    return rank ?? []
  })
  return ranks.length > 0 ? Math.max(...ranks) : null
}
