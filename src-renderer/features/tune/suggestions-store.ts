import { defineStore } from 'pinia'
import { computed, shallowRef, watch } from 'vue'
import type { WeightAdvice } from '../../../src-main/contract/inspect'
import type { ModelEntry } from '../../../src-main/contract/document/project'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'
import { countOf, formatNumber } from '../../shared/format'
import { keepEqual } from '../../shared/keep-equal'
import { useInspect } from '../inspect/inspect-store'
import { useProject } from '../project/project-store'

/** Suggestions are asked for again when the weights have not changed for this long. */
const REST_MS = 250

/** What a slider shows of a suggestion. */
export interface SliderMark {
  value: number
  words: string
}

/** Weights that the inspected correlations suggest; they are applied only on request. */
export const useSuggestions = defineStore('suggestions', () => {
  const session = useSession()
  const notices = useNotices()
  const project = useProject()
  const inspect = useInspect()
  /** What the host said; null before it was asked. */
  const answered = shallowRef<readonly WeightAdvice[] | null>(null)
  /** The network first, then blocks; empty where nothing was computed for these models. */
  const advice = computed(() => answered.value ?? [])
  const inspected = computed(() => inspect.rows.length > 0 && !inspect.running)
  let timer: ReturnType<typeof setTimeout> | undefined

  watch(
    [inspected, () => inspect.job, () => project.models],
    () => {
      clearTimeout(timer)
      if (inspected.value) timer = setTimeout(() => void load(), REST_MS)
      else answered.value = null
    },
    { immediate: true },
  )

  async function load(): Promise<void> {
    await project.settled()
    const models = project.models
    const answer = await notices.attempt(() => session.invoke('inspect.suggestions', {}))
    if (answer && models === project.models) answered.value = keepEqual(answered.value, answer.advice)
  }

  /** They will come: layers are being inspected, or the host is asked. */
  const pending = computed(() => inspect.running || (inspected.value && answered.value === null))
  const suggested = computed(() => advice.value.filter((one) => one.suggested))
  const marks = computed<Readonly<Record<string, SliderMark>>>((before) => {
    const all = suggested.value.flatMap((one) =>
      one.specialists.map(({ name, suggestedWeight }): [string, SliderMark] => {
        const words = `Suggested: ${formatNumber(suggestedWeight)}. ${one.reason}`
        return [markKey(name, one.block), { value: suggestedWeight, words }]
      }),
    )
    return keepEqual(before, Object.fromEntries(all))
  })

  /** The mark on a specialist's slider, of one block or (null) of all. */
  function markOf(name: string, block: string | null): SliderMark | undefined {
    return marks.value[markKey(name, block)]
  }

  /** Takes suggestions, as one step of undo. */
  function apply(taken: readonly WeightAdvice[]): void {
    const changed = taken.reduce((models, one) => models.map((model) => withSuggestion(model, one)), project.models)
    const where = taken.length === 1 ? (taken[0]!.block ?? 'the network') : countOf(taken.length, 'suggestion')
    project.edit(`Take the weights suggested: ${where}`, project.editsOf(changed))
  }

  return { advice, pending, suggested, markOf, apply }
})

function markKey(name: string, block: string | null): string {
  return `${block ?? ''}\n${name}`
}

function withSuggestion(model: ModelEntry, { block, specialists }: WeightAdvice): ModelEntry {
  const found = specialists.find(({ name }) => name === model.name)
  if (!found) return model
  if (block === null) return { ...model, weight: found.suggestedWeight }
  return { ...model, blocks: { ...model.blocks, [block]: found.suggestedWeight } }
}
