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
    return (models.network?.layers ?? []).map(({ component, name, block, rows, inputs }) => {
      const summary = measured.value ? inspect.summaries.get(layerKey(component, name)) : undefined
      const shares = summary?.normalisers[normaliser]?.shares
      const known = shares && project.models.every((model, i) => !model.enabled || order.value[i]! >= 0)
      const contributions = known ? order.value.map((place) => shares[place] ?? 0) : null
      return { name, block, size: rows * inputs, contributions }
    })
  })

  return computed(() => ({
    list: sharesOfLayers(project.models, project.project.method.name, layers.value),
    measured: measured.value && layers.value.some(({ contributions }) => contributions !== null),
  }))
}
