import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import type { LayerSummary } from '../../../src-main/contract/inspect'
import { useProject } from '../project/project-store'
import { measuresOf, type GroupMeasures } from './group-measures'
import { layerKey, useInspect } from './inspect-store'
import { factorsOfLayer, knowledgeOf } from './merge-factors'
import { valueOf, type MeasureName } from './measures'
import { layersToShow, type LayerFilter, type LayerOrder } from './overview-rows'
import { shortNames } from './short-names'
import { summarySentence } from './summary-sentence'

/** A layer as the map lists it. */
export interface MapLayer {
  key: string
  /** In diffusers' form. */
  name: string
  /** `attn2.to_k`. */
  short: string
  block: string
}

/** What Inspect shows of the layers, and how: by blocks or layer by layer. */
export const useInspectedMap = defineStore('inspected-map', () => {
  const inspect = useInspect()
  const project = useProject()
  const view = ref<'blocks' | 'layers'>('blocks')
  const measure = ref<MeasureName>('change')
  const order = ref<LayerOrder>('network')
  const filter = ref<Pick<LayerFilter, 'text' | 'block'>>({ text: '', block: '' })
  /** The block whose layers are listed, and which details are told of. */
  const open = ref<string | null>(null)

  const columns = computed(() => inspect.columns)
  const names = computed(() => columns.value.map(({ name }) => name))
  const knowledge = computed(() => knowledgeOf(project.project))

  const layers = computed<MapLayer[]>(() => {
    const groups = byBlock(inspect.layers)
    const short = new Map(
      [...groups.values()].flatMap((own) => {
        const found = shortNames(own.map(({ name }) => name))
        return own.map((layer, index) => [layer, found[index]!] as const)
      }),
    )
    return inspect.layers.map((layer) => ({
      key: layerKey(layer.component, layer.name),
      name: layer.name,
      short: short.get(layer)!,
      block: layer.block,
    }))
  })
  const namesOfLayer = computed(
    () => new Map(inspect.layers.map(({ component, name, names: all }) => [layerKey(component, name), all])),
  )

  /** What the merge adds of each specialist's change, with the weights of now. */
  const factorsOf = computed(() => {
    const { models, method } = project.project
    const specialists = columns.value.map(({ place }) => models[place]!)
    const all = namesOfLayer.value
    return ({ component, layer, block }: LayerSummary): number[] | null =>
      factorsOfLayer({ models, method }, specialists, all.get(layerKey(component, layer)) ?? [layer], block)
  })

  function sumUp(rows: readonly LayerSummary[]): GroupMeasures {
    return measuresOf(
      rows,
      columns.value.map(({ index }) => index),
      factorsOf.value,
    )
  }
  const network = computed(() => sumUp(inspect.rows))
  /** By block, in network order; those that are computed. */
  const blocks = computed<ReadonlyMap<string, GroupMeasures>>(() => {
    const labels = new Set(layers.value.map(({ block }) => block))
    const groups = byBlock(inspect.rows)
    return new Map(
      [...labels].flatMap((label) => {
        const rows = groups.get(label)
        return rows ? [[label, sumUp(rows)] as const] : []
      }),
    )
  })
  const byLayer = computed<ReadonlyMap<string, GroupMeasures>>(
    () => new Map(inspect.rows.map((row) => [layerKey(row.component, row.layer), sumUp([row])])),
  )

  /** Values of the measure, of blocks, or of layers where those are shown, too. */
  const shownValues = computed(() => {
    const opened = open.value === null ? [] : layers.value.filter(({ block }) => block === open.value)
    const shown =
      view.value === 'layers'
        ? [...byLayer.value.values()]
        : [...blocks.value.values(), ...opened.flatMap(({ key }) => byLayer.value.get(key) ?? [])]
    const values = shown.flatMap((one) => columns.value.map((_, index) => valueOf(one, measure.value, index)))
    return values.filter((value) => value !== null)
  })

  const orderedBlocks = computed(() =>
    layersToShow(
      [...blocks.value].map(([block]) => ({ key: block, name: block, block })),
      blocks.value,
      {
        text: '',
        block: '',
        order: order.value,
      },
    ).map(({ key }) => key),
  )
  const shownLayers = computed(() => layersToShow(layers.value, byLayer.value, { ...filter.value, order: order.value }))
  function layersOf(block: string): MapLayer[] {
    return layersToShow(layers.value, byLayer.value, { text: '', block, order: order.value })
  }

  const sentence = computed(() =>
    blocks.value.size === 0 || columns.value.length === 0
      ? ''
      : summarySentence(network.value, blocks.value, names.value),
  )

  return {
    view,
    measure,
    order,
    filter,
    open,
    columns,
    names,
    knowledge,
    layers,
    network,
    blocks,
    byLayer,
    shownValues,
    orderedBlocks,
    shownLayers,
    layersOf,
    sentence,
  }
})

function byBlock<One extends { block: string }>(all: readonly One[]): Map<string, One[]> {
  const groups = new Map<string, One[]>()
  for (const one of all) groups.set(one.block, [...(groups.get(one.block) ?? []), one])
  return groups
}
