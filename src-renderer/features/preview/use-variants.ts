import { computed, type ComputedRef } from 'vue'
import type { Variant } from '../../../src-main/contract/values/variant'
import { useProject } from '../project/project-store'
import { usePreview } from './preview-store'

export interface VariantChoice {
  variant: Variant
  label: string
  /** Place of the model in the project; null where the variant is no single model. */
  place: number | null
}

export interface VariantGroup {
  title: string
  choices: VariantChoice[]
}

const LAST: Variant = { type: 'last-merge' }

/** Every variant that the project allows, in groups, in the order of the columns. */
export function useVariants(): ComputedRef<VariantGroup[]> {
  const project = useProject()
  const preview = usePreview()
  return computed(() => {
    const names = project.specialists.map(({ name }) => name)
    const dropped = project.droppedSpecialists.map(({ name }) => name)
    const enabled = project.enabledSpecialists.map(({ name }) => name)
    return [
      {
        title: 'Models',
        choices: [
          { variant: { type: 'base' }, label: project.base?.name ?? 'base', place: 0 },
          ...names.map((name, index) => ({ variant: { type: 'model' as const, name }, label: name, place: index + 1 })),
        ],
      },
      {
        title: 'Merges',
        choices: [
          { variant: { type: 'soup' }, label: 'plain average', place: null },
          { variant: { type: 'merge' }, label: 'this merge', place: null },
          ...(preview.isThere(LAST) ? [{ variant: LAST, label: 'the last merge', place: null }] : []),
        ],
      },
      {
        title: 'This merge without one',
        choices: enabled.map((name) => ({
          variant: { type: 'without' as const, name },
          label: `without ${name}`,
          place: null,
        })),
      },
      {
        title: 'This merge with one back',
        choices: dropped.map((name) => ({
          variant: { type: 'with' as const, name },
          label: `with ${name}`,
          place: null,
        })),
      },
    ].filter(({ choices }) => choices.length > 0) as VariantGroup[]
  })
}
