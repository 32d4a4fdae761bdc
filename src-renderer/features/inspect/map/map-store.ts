import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { useProject } from '../../project/project-store'
import type { GroupMeasures } from '../../../../src-main/contract/report/group-measures'
import {
  layerKey,
  mapSentence,
  measuresByBlock,
  measuresByLayer,
  summingUp,
} from '../../../../src-main/contract/report/inspected-map'
import { useInspect } from '../inspect-store'
import { knowledgeOf } from '../../../../src-main/contract/report/merge-factors'
import { valueOf, type MeasureName } from '../../../../src-main/contract/report/measures'
import { layersToShow, type LayerFilter, type LayerOrder } from './overview-rows'
import { shortNames } from './short-names'
import { groupBy } from '../../../../src-main/contract/values/group-by'

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
    const groups = groupBy(inspect.layers, ({ block }) => block)
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
  /** With the weights of now. */
  const sumUp = computed(() => summingUp(project.project, columns.value, inspect.layers))
  const network = computed(() => sumUp.value(inspect.rows))
  const blocks = computed<ReadonlyMap<string, GroupMeasures>>(() =>
    measuresByBlock(layers.value, inspect.rows, sumUp.value),
  )
  const byLayer = computed<ReadonlyMap<string, GroupMeasures>>(() => measuresByLayer(inspect.rows, sumUp.value))

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

  const sentence = computed(() => {
    const short = names.value.map((name) => project.shortNames.get(name) ?? name)
    return mapSentence(network.value, blocks.value, short)
  })

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
