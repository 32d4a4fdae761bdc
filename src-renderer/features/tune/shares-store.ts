import { defineStore } from 'pinia'
import { computed } from 'vue'
import { keepEqual } from '../../shared/keep-equal'
import { layerKey } from '../../../src-main/contract/report/inspected-map'
import { useInspect } from '../inspect/inspect-store'
import { useModels } from '../models/models-store'
import { useProject } from '../project/project-store'
import { sharesOfLayers, type Share, type SharedLayer } from './shares'

/** The share of every model in the current merge. */
export const useShares = defineStore('shares', () => {
  const project = useProject()
  const models = useModels()
  const inspect = useInspect()
  const method = computed(() => project.project.method)

  /** Where the statistics of every model lie in those of a layer; null where there are none for all that take part. */
  const places = computed<readonly number[] | null>((before) => {
    const computedYet = inspect.rows.length > 0 && !inspect.running
    if (project.method.kind !== 'fusion' || !computedYet) return null
    const found = project.models.map(({ name }) => inspect.modelNames.indexOf(name))
    const complete = project.models.every(({ enabled }, index) => !enabled || found[index]! >= 0)
    return complete ? keepEqual(before, found) : null
  })

  /** Does not depend on weights, so that it is not computed again when a slider moves. */
  const layers = computed<SharedLayer[]>(() => {
    void inspect.revision
    const { normaliser } = method.value
    const known = places.value
    return (models.network?.layers ?? []).map(({ component, name, names, block, rows, inputs }) => {
      const summary = known && inspect.summaries.get(layerKey(component, name))
      const shares = summary?.normalisers[normaliser]?.shares
      const contributions = known && shares ? known.map((place) => shares[place] ?? 0) : null
      return { names, block, size: rows * inputs, contributions }
    })
  })

  const list = computed<Share[]>((before) => {
    const unfit = new Set(models.unfit.map(({ name }) => name))
    const taking = project.models.map((model) => (unfit.has(model.name) ? { ...model, enabled: false } : model))
    const shares = sharesOfLayers(taking, method.value.name, layers.value)
    return keepEqual(
      before,
      shares.map((share) => (unfit.has(share.name) ? { ...share, unfit: true } : share)),
    )
  })
  /** Whether shares come from computed correlations, or from the weights alone. */
  const measured = computed(() => layers.value.some(({ contributions }) => contributions !== null))
  return { list, measured }
})
