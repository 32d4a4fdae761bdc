import { isSameModel, type ModelIdentity } from '../document/names/model-identity'
import type { LayerInfo } from '../document/models'
import type { ModelEntry, Project } from '../document/project'
import type { LayerSummary } from '../inspect'
import { measuresOf, type GroupMeasures } from './group-measures'
import { factorsOfLayer } from './merge-factors'
import { summarySentence } from './summary-sentence'
import { groupBy } from '../values/group-by'

/** What a map needs of a layer. */
export type MappedLayer = Pick<LayerInfo, 'component' | 'name' | 'names' | 'block'>

/** A specialist of the map that takes part in the project's merge. */
export interface InspectedColumn {
  /** As the project names it now. */
  name: string
  /** Place in the project, for mark and colour. */
  place: number
  /** Among the specialists of the summaries, from 0. */
  index: number
}

/** What Inspect knows. */
export interface InspectedMap {
  sentence: string
  /** Of the specialists, in the order of the measures. */
  names: readonly string[]
  network: GroupMeasures
  /** Those that are computed, in network order. */
  blocks: ReadonlyMap<string, GroupMeasures>
  layers: readonly { key: string; name: string; block: string }[]
  byLayer: ReadonlyMap<string, GroupMeasures>
}

/** Of a table with its header alone. */
export const NO_MAP: InspectedMap = {
  sentence: '',
  names: [],
  network: { change: [], survives: [], conflict: [], others: [] },
  blocks: new Map(),
  layers: [],
  byLayer: new Map(),
}

/** Component and name: the same name may stand in two networks. */
export function layerKey(component: string, name: string): string {
  return `${component}/${name}`
}

/** @param inspected the models of the summaries, base first */
export function inspectedColumns(
  inspected: readonly ModelIdentity[],
  models: readonly ModelEntry[],
): InspectedColumn[] {
  return inspected.slice(1).flatMap((one, index) => {
    const place = models.findIndex((model) => isSameModel(model, one))
    return place > 0 && models[place]!.enabled ? [{ name: models[place]!.name, place, index }] : []
  })
}

/** Sums layers up as if they were one, with the weights that the project has. */
export function summingUp(
  { models, method }: Pick<Project, 'models' | 'method'>,
  columns: readonly InspectedColumn[],
  layers: readonly MappedLayer[],
): (rows: readonly LayerSummary[]) => GroupMeasures {
  const specialists = columns.map(({ place }) => models[place]!)
  const places = columns.map(({ index }) => index)
  const names = new Map(layers.map(({ component, name, names: all }) => [layerKey(component, name), all]))
  return (rows) =>
    measuresOf(rows, places, ({ component, layer, block }) =>
      factorsOfLayer({ models, method }, specialists, names.get(layerKey(component, layer)) ?? [layer], block),
    )
}

/** By block, in the order of the layers; blocks of which nothing is computed are left out. */
export function measuresByBlock(
  layers: readonly Pick<MappedLayer, 'block'>[],
  rows: readonly LayerSummary[],
  sumUp: (rows: readonly LayerSummary[]) => GroupMeasures,
): Map<string, GroupMeasures> {
  const groups = groupBy(rows, ({ block }) => block)
  return new Map(
    [...new Set(layers.map(({ block }) => block))].flatMap((label) => {
      const own = groups.get(label)
      return own ? [[label, sumUp(own)] as const] : []
    }),
  )
}

export function measuresByLayer(
  rows: readonly LayerSummary[],
  sumUp: (rows: readonly LayerSummary[]) => GroupMeasures,
): Map<string, GroupMeasures> {
  return new Map(rows.map((row) => [layerKey(row.component, row.layer), sumUp([row])]))
}

/** What a map says, in one sentence; empty where nothing is known. */
export function mapSentence(
  network: GroupMeasures,
  blocks: ReadonlyMap<string, GroupMeasures>,
  names: readonly string[],
): string {
  return blocks.size === 0 || names.length === 0 ? '' : summarySentence(network, blocks, names)
}

/** The whole map at once. @param inspected the models of the rows, base first */
export function inspectedMap(
  project: Pick<Project, 'models' | 'method'>,
  layers: readonly MappedLayer[],
  { models: inspected, rows }: { models: readonly ModelIdentity[]; rows: readonly LayerSummary[] },
): InspectedMap {
  const columns = inspectedColumns(inspected, project.models)
  const names = columns.map(({ name }) => name)
  const sumUp = summingUp(project, columns, layers)
  const network = sumUp(rows)
  const blocks = measuresByBlock(layers, rows, sumUp)
  return {
    sentence: mapSentence(network, blocks, names),
    ...{ names, network, blocks },
    layers: layers.map(({ component, name, block }) => ({ key: layerKey(component, name), name, block })),
    byLayer: measuresByLayer(rows, sumUp),
  }
}
