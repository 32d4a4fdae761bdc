import type { Checkpoint, ComponentName } from '../../checkpoint/model/checkpoint'
import { emaNotices } from '../../checkpoint/ema'
import { groupExtras, groupInWords } from '../../checkpoint/model/extras'
import { denoiserOf } from '../../checkpoint/denoisers'
import { LATENT_CHANNELS, unetTraits } from '../../checkpoint/denoisers/unet-traits'
import { FIRST_LAYER, isWidened } from '../../checkpoint/input-channels'
import { countsPositions } from '../../checkpoint/mergeable'
import { readIntegers } from '../../checkpoint/containers/stored-values'
import { elementCount } from '../../tensor/element-type'
import type { MergePlan } from './merge-plan'

type Planned = Pick<MergePlan, 'models' | 'base' | 'components' | 'project'>

/** What a merge leaves aside, copies without merging it, or puts right: one sentence for each. */
export function notesOn(plan: Planned): string[] {
  return [
    ...openingNotes(plan),
    ...unmergedParts(plan),
    ...emaNotes(plan),
    ...channelNotes(plan),
    ...extrasOfBase(plan.base),
    ...extrasOfSpecialists(plan),
    ...absentFromBase(plan),
    ...wrongPositions(plan.base),
    ...scaledAsHalf(plan),
  ]
}

/** What was found while the models were opened: what of their files is not read. */
function openingNotes({ models, base }: Planned): string[] {
  const checkpoints = [base, ...models.map(({ checkpoint }) => checkpoint)]
  return [
    ...new Set(
      checkpoints.flatMap(({ problems }) =>
        problems.filter(({ isOfModelAlone }) => !isOfModelAlone).map(({ message }) => message),
      ),
    ),
  ]
}

/** Parts that specialists have too, but that are not merged. */
function unmergedParts({ models, base, components, project }: Planned): string[] {
  const specialists = models.filter(({ checkpoint }) => checkpoint.path !== base.path)
  const { vae } = project.output
  const shared = new Set(models[0]!.checkpoint.components.values())
  // What an adapter does not change is the base's.
  const holders = (name: ComponentName): string[] =>
    specialists.flatMap(({ entry, checkpoint }) => {
      const component = checkpoint.components.get(name)
      return component && !shared.has(component) ? [entry.name] : []
    })
  const own = [...base.components.keys()].filter((name) => !components.includes(name))
  const kept = own.filter((name) => holders(name).length > 0 && !(name === 'vae' && vae !== undefined))
  const others = (['text_encoder', 'text_encoder_2', 'vae'] as const).filter((name) => !base.components.has(name))
  const foreign = others.filter((name) => holders(name).length > 0)
  const names = (parts: readonly ComponentName[]): string => [...new Set(parts.flatMap(holders))].join(', ')
  const notes: string[] = []
  if (kept.length > 0) {
    const whose = models.find(({ checkpoint }) => checkpoint.path === base.path)?.entry.name ?? base.path
    notes.push(
      `Not merged: ${kept.join(', ')}. ${kept.length === 1 ? 'It stays' : 'They stay'} as in ${whose}, though ${names(kept)} ` +
        `${names(kept).includes(', ') ? 'have their' : 'has its'} own. To merge all parts: --include ${[...components, ...kept].join(',')}.`,
    )
  }
  if (foreign.length > 0) {
    notes.push(`${names(foreign)}: ${foreign.join(', ')} left out, since ${base.path} has none.`)
  }
  return notes
}

/** What stays as one model has it because the others have no such inputs, in a sentence; none where all are as wide. */
function channelNotes({ models, base }: Planned): string[] {
  const narrow = models.filter(({ checkpoint }) => isWidened(denoiserOf(checkpoint)?.tensors.get(FIRST_LAYER)))
  if (narrow.length === 0) return []
  const channels = unetTraits(denoiserOf(base))!.inChannels
  const wide = models.find(({ checkpoint }) => checkpoint.path === base.path)?.entry.name ?? base.path
  const names = narrow.map(({ entry }) => entry.name).join(', ')
  return [
    `The UNet of ${wide} takes ${channels} input channels, ${names} ${LATENT_CHANNELS}: the first ${LATENT_CHANNELS} of ` +
      `${FIRST_LAYER} are merged, the other ${channels - LATENT_CHANNELS} stay as in ${wide}.`,
  ]
}

function extrasOfBase({ path, extras }: Checkpoint): string[] {
  return groupExtras(extras).flatMap((group) => {
    if (group.usual) return []
    return group.dropped
      ? [`${path}: ${groupInWords(group)} left out: they belong to this model, not to the merge.`]
      : [`${path}: ${groupInWords(group)} copied, not merged.`]
  })
}

function extrasOfSpecialists({ models, base }: Planned): string[] {
  return models.flatMap(({ checkpoint: { path, extras } }) => {
    if (path === base.path) return []
    const unusual = groupExtras(extras).filter(({ usual }) => !usual)
    return unusual.length > 0 ? [`${path}: ${unusual.map(groupInWords).join(', ')} left aside.`] : []
  })
}

/** EMA copies that are used, or were asked for and are not there. */
function emaNotes({ models, project }: Planned): string[] {
  const checkpoints = models.map(({ checkpoint }) => checkpoint)
  if (project.ema === 'use' && checkpoints.every(({ emaCopies }) => emaCopies === 0))
    return ['No model has EMA copies of its UNet: the weights are read as they are.']
  return checkpoints.filter(({ usesEma }) => usesEma).flatMap(emaNotices)
}

/** What adapters change of parts that the base does not have. */
function absentFromBase({ models }: Planned): string[] {
  const adapters = models.filter(({ checkpoint }) => checkpoint.adapted !== undefined)
  return adapters.flatMap(({ checkpoint }) => checkpoint.problems.map(({ message }) => message))
}

/** Position numbers that are not 0 … n − 1, or no integers: the merge has them right. */
function wrongPositions({ path, components }: Checkpoint): string[] {
  const views = [...components.values()].flatMap(({ tensors }) => [...tensors.values()])
  return views.filter(countsPositions).flatMap(({ name, shape, stored }) => {
    const { elementType } = stored
    const isInteger = elementType === 'I64' || elementType === 'I32'
    const isRight = isInteger && readIntegers(stored).every((value, index) => value === index)
    if (isRight && elementType === 'I64') return []
    const fault = isRight || !isInteger ? `are stored as ${elementType}` : 'are not 0, 1, 2 …'
    return [`${path}: the ${elementCount(shape)} numbers of ${name} ${fault}. The merge has 0, 1, 2 … as int64.`]
  })
}

/** fp8 with scales in the base, which is not written so unless that is asked for. */
function scaledAsHalf({ base: { path, components }, project }: Planned): string[] {
  if (project.output.dtype !== 'same') return []
  const views = [...components.values()].flatMap(({ tensors }) => [...tensors.values()])
  const count = views.filter(({ stored }) => stored.scaled).length
  return count === 0 ? [] : [`${path}: its ${count} weights in fp8 with scales are written as float16.`]
}
