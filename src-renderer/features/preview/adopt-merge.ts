import { readMergeText, type MergeSettings } from '../../../src-main/contract/document/merge-settings'
import {
  takingPart,
  type MethodSettings,
  type ModelEntry,
  type OutputSettings,
  type Project,
} from '../../../src-main/contract/document/project'
import { methodWords } from '../../../src-main/contract/methods/words'
import type { Edit } from '../../../src-main/contract/state'
import { formatNumber } from '../../shared/format'

/** The edits that bring the weights of a picture's merge back; models that it did not have are dropped. */
export function editsOfMerge(project: Project, text: string): Edit[] {
  const merge = readMergeText(text)
  return merge ? editsOfSettings(project, merge) : []
}

/** The edits that bring the weights of a merge back; models are known by their paths. */
export function editsOfSettings(project: Project, merge: MergeSettings): Edit[] {
  const models = project.models.flatMap((model, index): Edit[] => {
    const next = asIn(merge, model, index)
    return JSON.stringify(next) === JSON.stringify(model) ? [] : [{ type: 'set-model', name: model.name, model: next }]
  })
  return [
    ...models,
    { type: 'set-method', method: methodOf(merge, project.method) },
    { type: 'set-output', output: outputOf(merge, project.output) },
    { type: 'set-prediction', prediction: merge.prediction ?? null },
    { type: 'set-ema', ema: merge.ema ?? null },
  ]
}

/** A merge's weights in words: 'FeatureFusion, aligned: base 1, food 0.5; without flat'. */
export function mergeWords(text: string): string {
  const merge = readMergeText(text)
  if (!merge) return 'unknown weights'
  const taking = takingPart(merge.models)
  const dropped = merge.models.filter((model) => !taking.includes(model)).map(({ name }) => name)
  const words = taking.map((model) => `${model.name} ${formatNumber(model.weight)}${ownRules(model)}`)
  const without = dropped.length > 0 ? `; without ${dropped.join(', ')}` : ''
  return `${methodWords(merge.method)}: ${words.join(', ')}${without}`
}

function ownRules({ blocks, layers }: ModelEntry): string {
  return Object.keys(blocks).length + layers.length > 0 ? ' with weights by block' : ''
}

function asIn(merge: MergeSettings, model: ModelEntry, index: number): ModelEntry {
  const made = merge.models.find(({ path }) => path === model.path)
  if (!made) return index === 0 ? model : { ...model, enabled: false }
  const { weight, enabled, blocks, layers, strengths } = made
  const { strengths: _strengths, ...rest } = model
  return { ...rest, weight, enabled, blocks, layers, ...(strengths && { strengths }) }
}

function methodOf({ method }: MergeSettings, now: MethodSettings): MethodSettings {
  const calibration = method.calibration ?? now.calibration
  return { ...method, reuse: now.reuse, ...(calibration !== undefined && { calibration }) }
}

function outputOf({ output }: MergeSettings, now: OutputSettings): OutputSettings {
  const { vae: _vae, ...rest } = now
  const { vae, include, dtype } = output
  return { ...rest, include, dtype, ...(vae !== undefined && { vae }) }
}
