import { computed, type ComputedRef } from 'vue'
import { layerKey, useInspect } from '../inspect/inspect-store'
import { useModels } from '../models/models-store'
import { useProject } from '../project/project-store'
import { sharesOfLayers, type Share, type SharedLayer } from './shares'

export interface Shares {
  list: readonly Share[]
  /** Whether correlations that were computed say so, or the weights alone. */
  measured: boolean
}

/** What every model has in the merge in hand. */
export function useShares(): ComputedRef<Shares> {
  const project = useProject()
  const models = useModels()
  const inspect = useInspect()

  const measured = computed(
    () => project.project.method.name === 'featurefusion' && inspect.rows.length > 0 && !inspect.running,
  )
  const order = computed(() => project.models.map(({ name }) => inspect.modelNames.indexOf(name)))

  const layers = computed<SharedLayer[]>(() => {
    void inspect.revision
    const { normaliser } = project.project.method
    // Outside the loop, like all that goes through a store: a slider's move runs this for every layer.
    const places = order.value
    const allComputed = project.models.every((model, i) => !model.enabled || places[i]! >= 0)
    const usable = measured.value && allComputed
    return (models.network?.layers ?? []).map(({ component, name, block, rows, inputs }) => {
      const summary = usable ? inspect.summaries.get(layerKey(component, name)) : undefined
      const shares = summary?.normalisers[normaliser]?.shares
      const contributions = shares ? places.map((place) => shares[place] ?? 0) : null
      return { name, block, size: rows * inputs, contributions }
    })
  })

  return computed(() => ({
    list: sharesOfLayers(project.models, project.project.method.name, layers.value),
    measured: measured.value && layers.value.some(({ contributions }) => contributions !== null),
  }))
}
