import type { Architecture, Checkpoint, Component, ComponentName } from './checkpoint'
import { unetTraits } from './identify'
import { isMergeable } from './mergeable'

/** Architectures in words. */
export const ARCHITECTURE_TITLES: Record<Architecture, string> = {
  sd1: 'Stable Diffusion 1',
  'sd1-inpainting': 'Stable Diffusion 1 inpainting',
  'sd1-pix2pix': 'InstructPix2Pix (Stable Diffusion 1)',
  sd2: 'Stable Diffusion 2',
  'sd2-v': 'Stable Diffusion 2 (v prediction)',
  'sd2-inpainting': 'Stable Diffusion 2 inpainting',
  'sdxl-base': 'SDXL',
  'sdxl-inpainting': 'SDXL inpainting',
  'sdxl-refiner': 'SDXL refiner',
  unknown: 'unknown',
}

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

function compareComponent(base: Checkpoint, other: Checkpoint, name: ComponentName): Incompatibility[] {
  const ours = base.components.get(name)
  const theirs = other.components.get(name)
  if (!ours) return []
  if (!theirs) return [absentComponent(other, name)]
  const found = name === 'unet' ? compareFamilies(base, other) : []
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
  add('shape', 'error', shape, (list) => `The ${name} of ${other.path} has other shapes than the base: ${list}.`)
  add('extra', 'warning', extra, (list) => `The ${name} of ${other.path} has what the base has not: ${list}. Left out.`)
  return found
}

function absentComponent({ path }: Checkpoint, component: ComponentName): Incompatibility {
  const message = `${path} holds no ${component}.`
  return { severity: 'error', kind: 'missing-component', path, component, message, tensors: [] }
}

function compareFamilies(base: Checkpoint, other: Checkpoint): Incompatibility[] {
  const common = { path: other.path, component: 'unet' as const, tensors: [] }
  if (familyOf(base.architecture) !== familyOf(other.architecture)) {
    const message = `${other.path} is ${unetInWords(other)}, the base ${unetInWords(base)}. They cannot be merged.`
    return [{ ...common, severity: 'error', kind: 'family', message }]
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

function unetInWords({ architecture, components }: Checkpoint): string {
  const traits = unetTraits(components.get('unet'))
  if (!traits) return 'a UNet of unknown kind'
  const { crossAttentionDim, inChannels } = traits
  const facts = `cross-attention ${crossAttentionDim}, ${inChannels} input channels`
  if (architecture === 'unknown') return `a UNet of unknown kind (${facts})`
  const title = ARCHITECTURE_TITLES[architecture]
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
