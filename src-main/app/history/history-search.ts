import type { MergeSettings } from '../../contract/document/merge-settings'
import type { Drawing } from '../../contract/preview'
import type { HistoryRecord } from '../../contract/history'
import { methodWords } from '../../contract/methods/words'
import { variantLabel } from '../../contract/values/variant'

/** Whether a text has all words of what somebody looks for, in any case and order. */
export function hasWords(text: string, search: string): boolean {
  const low = text.toLowerCase()
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => low.includes(word))
}

/** What a merge or an evaluation is found by. */
export function recordText(record: HistoryRecord): string {
  const merge = mergeText(record.merge)
  if (record.kind === 'evaluation') return lines([merge, record.part, record.folder, record.split, record.verdict])
  const { path, files, written, fusion } = record
  const { title, author, license, notes } = written
  const said = [title, author, license, notes, fusion?.fusion.method]
  return lines([merge, path, ...files.flatMap((file) => [file.path, file.sha256]), ...said])
}

/** What pictures are found by. @param labels of a grid */
export function drawnText(merge: MergeSettings | null, drawing: Drawing, labels: readonly string[]): string {
  const { prompts, negativePrompt, seeds, scheduler, variants = [] } = drawing
  const words = [scheduler, negativePrompt, ...prompts, ...seeds.map(String), ...variants.map(variantLabel), ...labels]
  return lines([merge && mergeText(merge), ...words])
}

function mergeText({ models, method, output }: MergeSettings): string {
  const named = models.map(({ name, path, sha256, weight }) => `${name} ${weight} ${path} ${sha256 ?? ''}`)
  return lines([method.name, methodWords(method), output.vae, ...named])
}

function lines(parts: readonly (string | null | undefined)[]): string {
  return parts.filter(Boolean).join('\n')
}
