import { defineStore } from 'pinia'
import { ref } from 'vue'
import type { ModelEntry } from '../../../../src-main/contract/document/project'
import { useProject } from '../../project/project-store'

/** One specialist alone, and those back that took part before. */
export const useSolo = defineStore('solo', () => {
  const project = useProject()
  /** Names of those that took part before one was alone. */
  const before = ref<readonly string[] | null>(null)

  function isAlone(name: string): boolean {
    const [first, ...others] = project.enabledSpecialists
    return project.specialists.length > 1 && first?.name === name && others.length === 0
  }

  function toggle(name: string): void {
    const alone = isAlone(name)
    const back = before.value ?? project.specialists.map((model) => model.name)
    before.value = alone ? null : project.enabledSpecialists.map((model) => model.name)
    const takesPart = (model: ModelEntry): boolean => (alone ? back.includes(model.name) : model.name === name)
    const changed = project.models.map((model, index) =>
      index === 0 || model.enabled === takesPart(model) ? model : { ...model, enabled: takesPart(model) },
    )
    project.edit(alone ? 'All specialists again' : `Only ${name}`, project.editsOf(changed))
  }

  return { isAlone, toggle }
})
