import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { LOSS_ALONE, scorerOf, type AimName } from '../../../../src-main/contract/evaluate/search/aims'
import {
  searchRequestSchema,
  type SearchRequest,
  type SearchSpaceName,
} from '../../../../src-main/contract/evaluate/search/search'
import { useProject } from '../../project/project-store'

/** What the next search is asked for. */
export const useSearch = defineStore('search', () => {
  const project = useProject()
  const asked = ref<SearchRequest>(searchRequestSchema.parse({ strategy: 'cma-es' }))
  /** A scorer whose files were taken back is not aimed at. */
  const request = computed<SearchRequest>(() => {
    const { scorers } = project.project.evaluation
    const aims = asked.value.aims.filter((aim) => {
      const scorer = scorerOf(aim)
      return scorer === null || scorers[scorer] !== null
    })
    if (aims.length > 1) return { ...asked.value, aims }
    // Alone a factor would only change the unit.
    return { ...asked.value, aims: aims.length === 0 ? [...LOSS_ALONE] : aims.map(({ name }) => ({ name, factor: 1 })) }
  })

  function change(some: Partial<SearchRequest>): void {
    asked.value = { ...request.value, ...some }
  }

  /** Gains are many and small: each block has its own, unless somebody says otherwise. */
  function setSpace(space: SearchSpaceName): void {
    change(space === 'gains' ? { space, strategy: 'cma-es', groups: 'blocks' } : { space, groups: 'all' })
  }

  /** Takes an aim in or out; something is always aimed at. */
  function toggleAim(name: AimName): void {
    const { aims } = request.value
    const others = aims.filter((aim) => aim.name !== name)
    change({ aims: others.length < aims.length ? (others.length > 0 ? others : aims) : [...aims, { name, factor: 1 }] })
  }

  function setFactor(name: AimName, factor: number): void {
    change({ aims: request.value.aims.map((aim) => (aim.name === name ? { name, factor } : aim)) })
  }

  return { request, change, setSpace, toggleAim, setFactor }
})
