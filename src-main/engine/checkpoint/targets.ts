import { ARCHITECTURES } from './identify/architectures'
import { FusionError } from '../../contract/errors'
import { elementCount } from '../tensor/element-type'
import type { Checkpoint, Component, ComponentName } from './model/checkpoint'
import { storedShape } from './key-maps/name-table'
import { isMergeable } from './mergeable'

/** A tensor to write, in the layout of the file to be: put together from canonical tensors, each a run of elements. */
export interface TargetTensor {
  name: string
  shape: readonly number[]
  parts: {
    component: ComponentName
    /** Name in diffusers' form. */
    name: string
    /** First element inside the target. */
    start: number
    /** True where the target holds the transpose (2-D). */
    transposed: boolean
  }[]
}

/** A component in diffusers' layout: its canonical tensors as they are. */
export function diffusersTargets(component: Component): TargetTensor[] {
  return [...component.tensors.values()].map(({ name, shape }) => ({
    name,
    shape,
    parts: [{ component: component.name, name, start: 0, transposed: false }],
  }))
}

/** A component under the names and in the order of the file that holds it. */
export function storedTargets(component: Component): TargetTensor[] {
  const targets = new Map<string, TargetTensor>()
  for (const { name, stored, start, transposed } of component.tensors.values()) {
    const target = targets.get(stored.name) ?? { name: stored.name, shape: stored.shape, parts: [] }
    target.parts.push({ component: component.name, name, start, transposed })
    targets.set(stored.name, target)
  }
  return [...targets.values()]
}

/**
 * The components of a checkpoint as one file. Those of a single file keep its names and order; others (from a folder, a
 * UNet file, a VAE from elsewhere) take the names of the architecture's LDM files. Extras are not among them.
 *
 * @param inLdmNames whether components that another program saved under prefixes of its own take LDM's, too
 * @throws FusionError 'unsupported' for a component that the architecture's single files have no place for
 */
export function singleFileTargets(checkpoint: Checkpoint, inLdmNames = false): TargetTensor[] {
  const sections = ARCHITECTURES[checkpoint.architecture].sections
  return [...checkpoint.components.values()].flatMap((component) => {
    const own = [...component.tensors.values()].every(({ stored }) => stored.path === checkpoint.path)
    const isLdm = sections.some(
      ({ component: name, prefix }) => name === component.name && startsWith(component, prefix),
    )
    const keepsNames = !inLdmNames || isLdm || sections.length === 0
    const keep = component.name === 'model' || (checkpoint.layout === 'single-file' && own && keepsNames)
    return keep ? storedTargets(component) : ldmTargets(checkpoint, component)
  })
}

function startsWith({ tensors }: Component, prefix: string): boolean {
  return [...tensors.values()].every(({ stored }) => stored.name.startsWith(prefix))
}

function ldmTargets({ path, architecture }: Checkpoint, component: Component): TargetTensor[] {
  const section = ARCHITECTURES[architecture].sections.find((candidate) => candidate.component === component.name)
  const refuse = (what: string) =>
    new FusionError('unsupported', `${path} cannot be written as a single file: ${what}.`, {
      hint: 'Write it as a diffusers folder.',
    })
  if (!section) throw refuse(`files of architecture ${architecture} have no place for ${component.name}`)
  const table = section.naming.fromCanonical([...component.tensors.keys()])
  const targets = new Map<string, TargetTensor>()
  for (const view of component.tensors.values()) {
    const { name, shape } = view
    const stored = table.toStored(name)
    if (!stored && !isMergeable(view)) continue // position_ids, which OpenCLIP does not store
    if (!stored) throw refuse(`tensor ${name} of ${component.name} has no name there`)
    const targetName = section.prefix + stored.name
    const start = typeof stored.form === 'number' ? stored.form * elementCount(shape) : 0
    const target = targets.get(targetName) ?? { name: targetName, shape: storedShape(shape, stored.form), parts: [] }
    target.parts.push({ component: component.name, name, start, transposed: stored.form === 'transposed' })
    targets.set(targetName, target)
  }
  return [...targets.values()]
}
