import { isDenoiser } from '../../contract/values/denoisers'
import type { Architecture, Checkpoint, Component, ComponentName } from './model/checkpoint'
import { denoiserName, denoiserOf } from './denoisers'
import { ARCHITECTURES } from './identify/architectures'
import { LATENT_CHANNELS, sameFamily, unetTraits } from './denoisers/unet-traits'
import { widenFirstLayer } from './input-channels'
import { isMergeable } from './mergeable'

/** How many tensors a message names; all are in `tensors`. */
const NAMED_IN_MESSAGE = 3

export interface DifferingTensor {
  name: string
  /** null where this side does not have it. */
  base: readonly number[] | null
  other: readonly number[] | null
}

/** A reason why a checkpoint does not fit the base, or (warning) something that a merge will leave out. */
export interface Incompatibility {
  severity: 'error' | 'warning'
  kind: 'family' | 'prediction' | 'missing-component' | 'missing' | 'extra' | 'shape'
  /** Path of the checkpoint that differs from the base. */
  path: string
  component: ComponentName
  message: string
  /** What to try, where there is more to say than to choose other models. */
  hint?: string
  /** Every tensor that is missing, extra or of another shape. */
  tensors: DifferingTensor[]
}

/**
 * Whether checkpoints can be merged, from headers alone: none of the entries that come back may be an error. Layouts
 * and element types may differ. Tensors that a merge copies from the base (integers, as position_ids) are not compared.
 *
 * @param components those to be merged
 */
export function compareCheckpoints(
  base: Checkpoint,
  others: readonly Checkpoint[],
  components: readonly ComponentName[],
): Incompatibility[] {
  const absent = components.filter((name) => !base.components.has(name)).map((name) => absentComponent(base, name))
  return [...absent, ...others.flatMap((other) => components.flatMap((name) => compareComponent(base, other, name)))]
}

function compareComponent(base: Checkpoint, given: Checkpoint, name: ComponentName): Incompatibility[] {
  const other = widenFirstLayer(given, base)
  const ours = base.components.get(name)
  const theirs = other.components.get(name)
  if (!ours) return []
  if (!theirs) return [absentComponent(other, name)]
  const found = isDenoiser(name) ? compareFamilies(base, other) : []
  const differing = compareTensors(ours, theirs)
  const add = (
    kind: 'missing' | 'extra' | 'shape',
    severity: Incompatibility['severity'],
    tensors: DifferingTensor[],
    say: (list: string) => string,
  ) => {
    if (tensors.length === 0) return
    found.push({ severity, kind, path: other.path, component: name, message: say(listOf(tensors)), tensors })
  }
  const missing = differing.filter((tensor) => tensor.other === null)
  const extra = differing.filter((tensor) => tensor.base === null)
  const shape = differing.filter((tensor) => tensor.base && tensor.other)
  add('missing', 'error', missing, (list) => `The ${name} of ${other.path} lacks ${list}.`)
  add(
    'shape',
    'error',
    shape,
    (list) => `The ${name} of ${other.path} has other shapes than that of ${base.path}: ${list}.`,
  )
  add(
    'extra',
    'warning',
    extra,
    (list) => `The ${name} of ${other.path} has what that of ${base.path} has not: ${list}. Left out.`,
  )
  return found
}

function absentComponent(checkpoint: Checkpoint, component: ComponentName): Incompatibility {
  const { path, kind } = checkpoint
  const message = `${absence(checkpoint)} no ${component}.`
  const hint = kind && { hint: kind.advice }
  return { severity: 'error', kind: 'missing-component', path, component, message, ...hint, tensors: [] }
}

/** 'PATH holds', or 'PATH is a ControlNet: it holds', to be followed by what it does not hold. */
export function absence({ path, kind }: Checkpoint): string {
  return kind ? `${path} is ${kind.title}: it holds` : `${path} holds`
}

function compareFamilies(base: Checkpoint, other: Checkpoint): Incompatibility[] {
  const common = { path: other.path, component: denoiserName(base), tensors: [] }
  const channels = otherChannels(base, other)
  if (channels) return [{ ...common, severity: 'error', kind: 'family', ...channels }]
  if (familyOf(base.architecture) !== familyOf(other.architecture)) {
    const message = `${other.path} is ${unetInWords(other)}, ${base.path} is ${unetInWords(base)}. They cannot be merged.`
    const isRefiner = [base, other].some(({ architecture }) => architecture === 'sdxl-refiner')
    return [{ ...common, severity: 'error', kind: 'family', message, ...(isRefiner && { hint: REFINER_HINT }) }]
  }
  const [ours, theirs] = [base.predictionType, other.predictionType]
  if (ours === null || theirs === null || ours === theirs) return []
  const message = `${other.path} predicts ${theirs}, the base ${ours}: a merge of the two is likely to give noise.`
  return [{ ...common, severity: 'warning', kind: 'prediction', message }]
}

/** Stable Diffusion 2 has one shape, whatever it predicts. */
function familyOf(architecture: Architecture): Architecture {
  return architecture === 'sd2-v' ? 'sd2' : architecture
}

const REFINER_HINT = 'A refiner is a network of its own: it can be merged with other refiners only.'

/** What UNets do that take more than the four channels of latents. */
const CHANNEL_USES: Readonly<Record<number, string>> = {
  5: 'depth-to-image',
  7: 'upscaling',
  8: 'editing (pix2pix)',
  9: 'inpainting',
}

/** Words for two UNets of one family that differ in their first layer; undefined for any others. */
function otherChannels(base: Checkpoint, other: Checkpoint): { message: string; hint: string } | undefined {
  const [ours, theirs] = [base, other].map((checkpoint) => unetTraits(denoiserOf(checkpoint)))
  if (!ours || !theirs || ours.inChannels === theirs.inChannels) return undefined
  if (!sameFamily(ours, theirs)) return undefined
  const wide = ours.inChannels > theirs.inChannels ? ours : theirs
  const use = CHANNEL_USES[wide.inChannels] ?? `${wide.inChannels}-channel`
  const isOnlyWide = theirs.inChannels > ours.inChannels && ours.inChannels === LATENT_CHANNELS
  const advice = isOnlyWide
    ? `Use ${other.path} as the base: the first ${LATENT_CHANNELS} input channels are then merged, its others stay. ` +
      'Or choose add difference, with it as the first specialist: what the second one learnt is added to it.'
    : `Merge ${use} models with ${use} models only: use the ${use} version of every model, or the plain version of all.`
  return {
    message: `${other.path} is ${unetInWords(other)}, ${base.path} is ${unetInWords(base)}. Their first layers do not fit together.`,
    hint: `${advice} Their text encoders fit all the same: --include text_encoder merges these alone.`,
  }
}

function unetInWords(checkpoint: Checkpoint): string {
  const { architecture } = checkpoint
  const traits = unetTraits(denoiserOf(checkpoint))
  if (!traits) return 'a UNet of unknown kind'
  const { crossAttentionDim, inChannels, additionEmbedding, linearProjection } = traits
  const facts = `cross-attention ${crossAttentionDim}, ${inChannels} input channels`
  const use = CHANNEL_USES[inChannels]
  if (architecture === 'unknown' && use !== undefined) {
    const family = additionEmbedding ? 'an SDXL' : `a Stable Diffusion ${linearProjection ? 2 : 1}`
    return `${family} ${use} UNet (${facts})`
  }
  if (architecture === 'unknown') return `a UNet of unknown kind (${facts})`
  const title = ARCHITECTURES[architecture].title
  return `${/^(?:SDXL|Instruct)/.test(title) ? 'an' : 'a'} ${title} UNet (${facts})`
}

function compareTensors(base: Component, other: Component): DifferingTensor[] {
  const missingOrOther = [...base.tensors.values()].filter(isMergeable).flatMap((tensor): DifferingTensor[] => {
    const shape = other.tensors.get(tensor.name)?.shape
    if (shape && sameShape(shape, tensor.shape)) return []
    return [{ name: tensor.name, base: tensor.shape, other: shape ?? null }]
  })
  const extra = [...other.tensors.values()]
    .filter((tensor) => isMergeable(tensor) && !base.tensors.has(tensor.name))
    .map(({ name, shape }): DifferingTensor => ({ name, base: null, other: shape }))
  return [...missingOrOther, ...extra]
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, dimension) => size === b[dimension])
}

function listOf(tensors: readonly DifferingTensor[]): string {
  const named = tensors.slice(0, NAMED_IN_MESSAGE).map(({ name, base, other }) => {
    if (base && other) return `${name} ([${other.join(', ')}] instead of [${base.join(', ')}])`
    return `${name} ([${(base ?? other ?? []).join(', ')}])`
  })
  const more = tensors.length - named.length
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ')
}
