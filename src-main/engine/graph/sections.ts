import { ONNX_DATA_TYPE, encodeModel, type ModelProto, type NodeProto, type ValueInfoProto } from './onnx-schema'
import { isFloatType, type ElementType } from '../tensor/element-type'

/** Where a graph is cut: at a layer, whose input is looked at before the layer itself runs. */
export interface CutPoint {
  /** The graph output that shows the layer's input: the output of a node of its own. */
  output: string
  /** Graph inputs that hold the layer's weights. */
  weights: readonly string[]
}

/** A part of a graph that runs by itself, after the sections before it. */
export interface Section {
  nodes: readonly NodeProto[]
  /** Values of earlier sections. */
  takes: readonly string[]
  /** Inputs of the graph. */
  inputs: readonly string[]
  /** Values for later sections. */
  gives: readonly string[]
  /** Of the cut points: layers that nothing in the section lies between. */
  outputs: readonly string[]
}

/** What a section takes of an earlier one, as it is at run time. */
export interface TakenValue {
  elementType: ElementType
  dims: readonly number[]
}

/**
 * Cuts a graph, whose nodes are in an order in which they can run, at its layers: a section ends with the inputs of
 * layers of which none needs another one's output, and the next one begins with these layers. So a layer's weights may
 * depend on its input. The last section ends with the last layer's input.
 * @param points in the order of the nodes
 * @param weights all graph inputs that hold weights
 */
export function cutAtLayers(
  { graph }: ModelProto,
  points: readonly CutPoint[],
  weights: ReadonlySet<string>,
): Section[] {
  const layerOf = new Map(points.flatMap((point) => point.weights.map((name) => [name, point] as const)))
  const pointOf = new Map(points.map((point) => [point.output, point]))
  /** Layers behind a value that only weights and constants lie behind; absent for other values. */
  const fixed = new Map<string, readonly CutPoint[]>()
  const { initializer, input } = graph
  for (const { name } of initializer) fixed.set(name, [])
  for (const name of weights) fixed.set(name, layerOf.has(name) ? [layerOf.get(name)!] : [])
  const sectionOf = new Map<string, number>(input.filter(({ name }) => !weights.has(name)).map(({ name }) => [name, 0]))
  const shown = new Map<CutPoint, number>()
  let current = 0
  const nodes = graph.node.map((node) => {
    const inputs = node.input.filter((name) => name !== '')
    const layers = inputs.flatMap((name) => fixed.get(name) ?? [])
    if (inputs.every((name) => fixed.has(name))) {
      for (const name of node.output) fixed.set(name, layers)
      return { node, section: null }
    }
    const after = inputs.map((name) => sectionOf.get(name) ?? 0)
    const point = pointOf.get(node.output[0]!)
    if (point) {
      current = Math.max(current, ...after)
      shown.set(point, current)
    }
    const section = point ? current : Math.max(...after, ...layers.map((layer) => shown.get(layer)! + 1))
    for (const name of node.output) sectionOf.set(name, section)
    return { node, section }
  })
  return sectionsFrom(nodes, current + 1, { fixed, sectionOf, points, inputs: new Set(input.map(({ name }) => name)) })
}

interface Placed {
  node: NodeProto
  /** null: made of weights and constants alone, in every section that needs it. */
  section: number | null
}

interface Places {
  fixed: ReadonlyMap<string, unknown>
  sectionOf: ReadonlyMap<string, number>
  points: readonly CutPoint[]
  inputs: ReadonlySet<string>
}

function sectionsFrom(
  nodes: readonly Placed[],
  count: number,
  { fixed, sectionOf, points, inputs }: Places,
): Section[] {
  const shown = new Set(points.map(({ output }) => output))
  const sections: Section[] = []
  let needed = new Set<string>()
  for (let index = count - 1; index >= 0; index--) {
    const own = (name: string): boolean => sectionOf.get(name) === index
    const gives = [...needed].filter((name) => own(name) && !inputs.has(name))
    const outputs = [...shown].filter(own)
    const wanted = new Set([...gives, ...outputs])
    const kept: NodeProto[] = []
    const takes = new Set<string>()
    const used = new Set<string>()
    for (const { node, section } of nodes.toReversed()) {
      if ((section !== null && section !== index) || !node.output.some((name) => wanted.has(name))) continue
      kept.push(node)
      for (const name of node.input) {
        if (name === '') continue
        if (inputs.has(name)) used.add(name)
        else if (fixed.has(name) || own(name)) wanted.add(name)
        else takes.add(name)
      }
    }
    needed = new Set([...[...needed].filter((name) => !own(name)), ...takes])
    sections.unshift({ nodes: kept.reverse(), takes: [...takes], inputs: [...used], gives, outputs })
  }
  return sections
}

/** A section as a model. @param taken of its `takes`, by name */
export function sectionModel(model: ModelProto, section: Section, taken: ReadonlyMap<string, TakenValue>): Uint8Array {
  const { graph } = model
  const used = new Set(section.nodes.flatMap(({ input }) => input))
  const inputs = new Set(section.inputs)
  return encodeModel({
    ...model,
    graph: {
      name: graph.name,
      node: [...section.nodes],
      initializer: graph.initializer.filter(({ name }) => used.has(name)),
      input: [
        ...graph.input.filter(({ name }) => inputs.has(name)),
        ...section.takes.map((name) => takenInfo(name, taken.get(name)!)),
      ],
      output: [...section.gives, ...section.outputs].map((name) => ({ name })),
    },
  })
}

/** Sizes of real numbers differ from run to run; vectors of sizes are as long as they are, which the runtime must know. */
function takenInfo(name: string, { elementType, dims }: TakenValue): ValueInfoProto {
  const isOpen = isFloatType(elementType)
  const dim = dims.map((size, axis) => (isOpen ? { dim_param: `${name}/${axis}` } : { dim_value: size }))
  return { name, type: { tensor_type: { elem_type: ONNX_DATA_TYPE[elementType], shape: { dim } } } }
}
