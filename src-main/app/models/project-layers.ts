import type { CommandOutput } from '../../contract/protocol/commands'
import type { Project } from '../../contract/document/project'
import type { Checkpoint, ComponentName } from '../../engine/checkpoint/model/checkpoint'
import { tensorNames } from '../../engine/checkpoint/tensor-names'
import { methodNamed } from '../../engine/merge/methods/index'
import { Blocks } from '../../engine/merge/plan/blocks'
import { layersOf } from '../../engine/merge/plan/layers'
import { tensorKey } from '../../engine/merge/plan/export/output-files'
import { weighedTensors } from '../../engine/merge/plan/rules'

/** What the interface knows of a project's network: its blocks, the layers by block, and the names of all other tensors. */
export function describeLayers(
  base: Checkpoint,
  { method, output }: Pick<Project, 'method' | 'output'>,
): CommandOutput<'models.layers'> {
  const blocks = Blocks.of(base)
  const components = mergedComponents(base, output)
  const weighed = weighedTensors({ base, components, method: methodNamed(method.name) }, method)
  const layers = components.flatMap((component) => {
    const names = tensorNames(base, component)
    return layersOf(base, component, method).map(({ weight, shape, kind }) => {
      const rows = shape[kind.transposedConvolution ? 1 : 0]!
      return {
        name: weight,
        names: [...names.get(weight)!],
        component,
        block: blocks.blockOf(component, weight),
        rows,
        inputs: shape.reduce((product, size) => product * size, 1) / rows,
        kind: shape.length > 2 ? ('convolution' as const) : ('linear' as const),
      }
    })
  })
  const isLayer = new Set(layers.map(({ component, name }) => tensorKey(component, name)))
  const otherTensors = weighed
    .filter(({ component, names }) => !isLayer.has(tensorKey(component, names[0]!)))
    .map(({ names }) => [...names])
  const order = (block: string): number => {
    const index = blocks.labels.indexOf(block)
    return index < 0 ? blocks.labels.length : index
  }
  layers.sort((a, b) => order(a.block) - order(b.block))
  return { blocks: [...blocks.labels], layers, otherTensors }
}

/** The components that a merge with this base touches. */
export function mergedComponents(base: Checkpoint, { include }: Project['output']): ComponentName[] {
  return base.components.has('model') ? ['model'] : include.filter((name) => base.components.has(name))
}
