import { isSameFile } from '../../../src-main/contract/document/names/model-identity'
import { modelNames } from '../../../src-main/contract/document/names/model-names'
import type { MergeSettings } from '../../../src-main/contract/document/merge-settings'
import {
  modelSchema,
  type ModelEntry,
  type PreviewSettings,
  type Project,
} from '../../../src-main/contract/document/project'
import { EMPTY_BOOK, styledPrompt } from '../../../src-main/contract/document/prompt-styles'
import type { HistoryEntry, MergeEntry } from '../../../src-main/contract/history'
import type { Drawing } from '../../../src-main/contract/preview'
import type { Edit } from '../../../src-main/contract/state'
import { editsOfSettings } from '../preview/adopt-merge'

/**
 * The edits that make a project what it was for an entry: its models' weights, method and parts, of an export all that it
 * is written by, of pictures what they were drawn with. Models that it had come back; those that it did not have stay,
 * dropped.
 */
export function editsOfEntry(project: Project, entry: HistoryEntry): Edit[] {
  const drawing: Edit[] = 'drawn' in entry ? [drawingEdit(project.preview, entry.drawn)] : []
  if (!entry.merge) return drawing
  const merge = located(entry.merge, project.models)
  const added = addedModels(project.models, merge)
  const after = { ...project, models: [...project.models, ...added] }
  const isExport = entry.kind === 'merge'
  return [
    ...(added.length > 0
      ? [{ type: 'add-models' as const, models: added.map(({ name, path }) => ({ name, path })) }]
      : []),
    ...(isExport ? moves(after.models, merge) : []),
    ...editsOfSettings(after, merge),
    ...(isExport ? writtenEdits(project, entry, merge) : []),
    ...drawing,
  ]
}

/** Names of models that an entry did not have, and which take no part with its state. */
export function droppedNames({ models }: Pick<Project, 'models'>, { merge }: Pick<HistoryEntry, 'merge'>): string[] {
  if (!merge) return []
  const { models: known } = located(merge, models)
  return models.flatMap(({ name, path }, index) => (index > 0 && !known.some((one) => one.path === path) ? [name] : []))
}

/** A merge whose models are where the project has the same ones. */
function located(merge: MergeSettings, models: readonly ModelEntry[]): MergeSettings {
  const placed = merge.models.map((made) => {
    const own = models.find(({ path }) => path === made.path) ?? models.find((model) => isSameFile(model, made))
    return own ? { ...made, path: own.path } : made
  })
  return { ...merge, models: placed }
}

function addedModels(models: readonly ModelEntry[], merge: MergeSettings): ModelEntry[] {
  const missing = merge.models.filter(({ path }) => !models.some((model) => model.path === path))
  const names = modelNames(
    missing,
    models.map(({ name }) => name),
  )
  return missing.map(({ path }, place) => modelSchema.parse({ name: names[place]!, path }))
}

/** Puts models into the order of a merge, in which its recipe names them. */
function moves(models: readonly ModelEntry[], merge: MergeSettings): Edit[] {
  const order = models.map(({ path }) => path)
  return merge.models.flatMap(({ path }, to): Edit[] => {
    const from = order.indexOf(path)
    if (from === to) return []
    order.splice(to, 0, order.splice(from, 1)[0]!)
    return [{ type: 'move-model', name: models.find((model) => model.path === path)!.name, to }]
  })
}

/** All that decides the bytes of an export beside its weights. */
function writtenEdits({ output }: Project, { written }: MergeEntry, merge: MergeSettings): Edit[] {
  return [
    { type: 'set-method', method: merge.method },
    {
      type: 'set-output',
      output: { ...written, ...merge.output, ...(output.path !== undefined && { path: output.path }) },
    },
  ]
}

function drawingEdit(now: PreviewSettings, drawn: Drawing): Edit {
  const { book: _book, prompts, grid, variants, ...rest } = drawn
  const preview: PreviewSettings = {
    ...now,
    ...rest,
    // What it was drawn with has the style in it.
    prompts: prompts.map((prompt) => styledPrompt(prompt, drawn)),
    ...(now.book && { book: { ...EMPTY_BOOK, ...now.book, style: null } }),
    ...(variants && { variants }),
    ...(grid && { grid }),
  }
  return { type: 'set-preview', preview }
}
