import { denoiserOf } from './denoisers'
import { UNET_SECTION } from './key-maps/single-file'
import { isEmaName } from './model/extras'
import type { Checkpoint, Component, TensorView } from './model/checkpoint'
import type { StoredTensor } from './containers/container'

/**
 * What stands before a weight's name in the name of its EMA copy, averaged while it was trained: LDM's (whose names then
 * lose their dots), and trainers'.
 */
const EMA_PREFIX = /^(?:model_ema|ema_model|ema)\.(?:model\.)?(?:diffusion_model\.?|unet\.)?/

/** The EMA copies in a file of the weights of its UNet: by the weight's name in diffusers' form. */
export function emaCopies({
  components,
  extras,
}: Pick<Checkpoint, 'components' | 'extras'>): Map<string, StoredTensor> {
  const unet = denoiserOf({ components })
  const copies = new Map(
    extras.flatMap((extra) =>
      isEmaName(extra.name) ? [[withoutDots(extra.name.replace(EMA_PREFIX, '')), extra] as const] : [],
    ),
  )
  if (unet?.name !== UNET_SECTION.component || copies.size === 0) return new Map()
  const table = UNET_SECTION.naming.fromCanonical([...unet.tensors.keys()])
  return new Map(
    [...unet.tensors.values()].flatMap((view) => {
      const ldmName = table.toStored(view.name)?.name
      const names = ldmName === undefined ? [view.name] : [ldmName, view.name]
      const copy = names.map((name) => copies.get(withoutDots(name))).find((found) => found !== undefined)
      return copy && isSameShape(copy, view) ? [[view.name, copy] as const] : []
    }),
  )
}

/** A checkpoint whose UNet has its EMA copies as weights, under the weights' own names. */
export function withEma<C extends Pick<Checkpoint, 'components' | 'extras'>>(
  checkpoint: C,
  copies: ReadonlyMap<string, StoredTensor>,
): C {
  const unet = denoiserOf(checkpoint)
  if (!unet || copies.size === 0) return checkpoint
  const averaged = ({ name, stored, ...view }: TensorView): TensorView => {
    const copy = copies.get(name)
    return { ...view, name, stored: copy ? { ...copy, name: stored.name } : stored }
  }
  const tensors = new Map([...unet.tensors].map(([name, view]) => [name, averaged(view)]))
  const component: Component = { ...unet, tensors }
  const used = new Set(copies.values())
  return {
    ...checkpoint,
    components: new Map([...checkpoint.components].map(([name, own]) => [name, own === unet ? component : own])),
    extras: checkpoint.extras.filter((extra) => !used.has(extra)),
  }
}

/** What a person should know of the EMA copies in a model's file: that they are used, or that they are there. */
export function emaNotices({ path, components, emaCopies, usesEma }: Checkpoint): string[] {
  if (emaCopies === 0) return []
  if (!usesEma) return [`${path} has EMA copies of ${emaCopies} weights of its UNet, which are not used (--ema use).`]
  const others = denoiserOf({ components })!.tensors.size - emaCopies
  const rest = others === 0 ? '' : ` The other ${others} have none and are read as they are.`
  return [`${path}: ${emaCopies} weights of the UNet are read from their EMA copies.${rest}`]
}

function withoutDots(name: string): string {
  return name.replaceAll('.', '')
}

function isSameShape(copy: StoredTensor, { stored, start }: TensorView): boolean {
  return start === 0 && copy.shape.join() === stored.shape.join()
}
