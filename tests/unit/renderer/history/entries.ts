import { mergeSettingsSchema, type MergeSettings } from '../../../../src-main/contract/document/merge-settings'
import { outputSchema, previewSchema } from '../../../../src-main/contract/document/project'
import type { DrawnEntry, EvaluationEntry, MergeEntry } from '../../../../src-main/contract/history'

/** A merge of a base and two specialists. */
export function merge(change: Partial<MergeSettings> = {}): MergeSettings {
  return {
    ...mergeSettingsSchema.parse({
      models: ['base', 'food', 'sketch'].map((name) => ({ name, path: `/models/${name}` })),
      method: { name: 'featurefusion' },
      output: { include: ['unet'], dtype: 'same' },
    }),
    ...change,
  }
}

export function mergeEntry(change: Partial<MergeEntry> = {}): MergeEntry {
  const { path: _path, include: _include, vae: _vae, dtype: _dtype, ...written } = outputSchema.parse({})
  return {
    ...{ kind: 'merge', id: 'merge', time: 1, version: '1', merge: merge(), written, fusion: null },
    ...{
      path: '/out/merged.safetensors',
      bytes: 2e9,
      seconds: 42,
      files: [],
      shares: null,
      file: 'there',
      picture: null,
    },
    ...change,
  }
}

export function drawnEntry(change: Partial<DrawnEntry> = {}): DrawnEntry {
  const { rollsSeeds: _rollsSeeds, ...drawn } = previewSchema.parse({ prompts: ['apple', 'pear'], seeds: [1, 2] })
  return {
    ...{ kind: 'pictures', id: 'pictures', time: 1, merge: merge(), drawn, labels: null, count: 4, repeatable: true },
    ...{ picture: null, ...change },
  }
}

export function evaluationEntry(change: Partial<EvaluationEntry> = {}): EvaluationEntry {
  return {
    ...{ kind: 'evaluation', id: 'evaluation', time: 1, part: 'comparison', merge: merge(), folder: '/data' },
    ...{ split: 'held-out', verdict: 'TIES wins.', picture: null, ...change },
  }
}

/** The merge with one of its models changed. */
export function withModel(name: string, change: Partial<MergeSettings['models'][number]>): MergeSettings {
  const before = merge()
  return { ...before, models: before.models.map((model) => (model.name === name ? { ...model, ...change } : model)) }
}
