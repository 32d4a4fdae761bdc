import { ARCHITECTURES } from './identify/architectures'
import { DENOISERS } from './denoisers'
import type { Checkpoint, ComponentName } from './model/checkpoint'
import { VAE_SECTION } from './key-maps/single-file'

/** By its name in diffusers' form: every name by which a tensor is known, that one first. */
export type TensorNames = ReadonlyMap<string, readonly string[]>

/**
 * Every name of a component's tensors: diffusers', the one that single files have (LDM's, with its prefix), and that of
 * the file at hand where it has another.
 */
export function tensorNames({ architecture, components }: Checkpoint, component: ComponentName): TensorNames {
  const { tensors } = components.get(component)!
  const sections = [...ARCHITECTURES[architecture].sections, ...DENOISERS.map(({ section }) => section), VAE_SECTION]
  const section = sections.find((one) => one.component === component)
  const table = section?.naming.fromCanonical([...tensors.keys()])
  return new Map(
    [...tensors.values()].map(({ name, stored }) => {
      const inSingleFile = table?.toStored(name)
      const others = inSingleFile ? [section!.prefix + inSingleFile.name, stored.name] : [stored.name]
      return [name, [...new Set([name, ...others])]]
    }),
  )
}
