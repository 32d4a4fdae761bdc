import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import {
  FIELD_PRESETS,
  presetFor,
  type BlockPreset,
  type PresetWeights,
} from '../../../../src-main/contract/document/blocks/block-presets'
import { useNotices } from '../../../shared/notices/notices-store'
import { useModels } from '../../models/models-store'
import { useProject } from '../../project/project-store'
import { useSettings } from '../../settings/settings-store'

/** Block weights by name: the field's and the person's own. */
export const useBlockPresets = defineStore('block-presets', () => {
  const project = useProject()
  const models = useModels()
  const settings = useSettings()
  const notices = useNotices()
  /** What of the last preset the network does not have, as a sentence. */
  const remark = ref('')
  const own = computed<readonly BlockPreset[]>(() => settings.settings?.blockPresets ?? [])
  const blocks = computed(() => models.network?.blocks ?? [])

  /** Gives a model the weights of a preset, as one step of undo; false, and said why, where they fit no such network. */
  function apply(model: string, words: string, weights: PresetWeights): boolean {
    try {
      const fitted = presetFor(blocks.value, weights)
      remark.value =
        fitted.missing.length > 0 ? `Left out: ${fitted.missing.join(', ')}. This network does not have them.` : ''
      project.editModel(model, { blocks: fitted.blocks }, `${words} for ${model}`)
      return true
    } catch (error) {
      notices.report(error)
      return false
    }
  }

  /** Keeps presets for every project; one of the same name is replaced. */
  async function keep(presets: readonly BlockPreset[]): Promise<void> {
    const names = new Set(presets.map(({ name }) => name))
    await settings.set({ blockPresets: [...own.value.filter(({ name }) => !names.has(name)), ...presets] })
  }

  async function remove(name: string): Promise<void> {
    await settings.set({ blockPresets: own.value.filter((preset) => preset.name !== name) })
  }

  return { own, field: FIELD_PRESETS, blocks, remark, apply, keep, remove }
})
