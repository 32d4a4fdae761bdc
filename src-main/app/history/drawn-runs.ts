import { readMergeText, type MergeSettings } from '../../contract/document/merge-settings'
import type { DrawnEntry } from '../../contract/history'
import type { Drawing, Picture, PictureRun } from '../../contract/preview'
import { groupBy } from '../../contract/values/group-by'
import { compareSeeds } from '../../contract/values/seed'
import { variantKey } from '../../contract/values/variant'
import { withHashes } from '../models/model-hash'

/** Pictures that were drawn together. */
export interface DrawnRun {
  id: string
  /** Milliseconds since 1970. */
  time: number
  /** As it was asked for; null for one of long ago, of which only pictures are left. */
  run: PictureRun | null
  /** Newest first. */
  pictures: Picture[]
}

/** Pictures by the run that drew them. @param pictures newest first */
export function drawnRuns(pictures: readonly Picture[], runOf: (id: string) => PictureRun | null): DrawnRun[] {
  return [...groupBy(pictures, ({ job }) => job)].map(([id, own]) => {
    const run = runOf(id)
    return { id, time: run?.time ?? own.at(-1)!.time, run, pictures: own }
  })
}

/** A run as the history tells it. */
export function drawnEntry({ id, time, run, pictures }: DrawnRun): DrawnEntry {
  const isGrid = run ? run.grid !== null : pictures.some(({ cell }) => cell !== null)
  return {
    ...{ id, time, kind: isGrid ? 'grid' : 'pictures', labels: run?.grid ?? null, count: pictures.length },
    merge: asDrawn(mergeOf(run, pictures), pictures),
    drawn: run?.asked?.drawing ?? drawingOf(pictures),
    repeatable: run !== null && run.asked !== null,
    picture: mergedPicture(pictures).url,
  }
}

/** What the merge drew says most; else what was drawn last. */
function mergedPicture(pictures: readonly Picture[]): Picture {
  return pictures.find(({ settings }) => settings.variant.type === 'merge') ?? pictures[0]!
}

function mergeOf(run: PictureRun | null, pictures: readonly Picture[]): MergeSettings | null {
  const text = run?.asked?.merge ?? pictures.find(({ settings }) => settings.variant.type === 'merge')?.merge
  return text == null ? null : readMergeText(text)
}

/** With what was known of the models' files when they drew. */
function asDrawn(merge: MergeSettings | null, pictures: readonly Picture[]): MergeSettings | null {
  if (!merge) return null
  const sources = pictures.flatMap((picture) => picture.sources)
  const hashes = new Map(sources.flatMap(({ path, sha256 }) => (sha256 === null ? [] : [[path, sha256] as const])))
  return { ...merge, models: withHashes(merge.models, hashes) }
}

/** What a run was drawn with, as its pictures tell. */
function drawingOf(pictures: readonly Picture[]): Drawing {
  const oldestFirst = pictures.toReversed().map(({ settings }) => settings)
  const { negativePrompt, steps, guidance, scheduler } = oldestFirst[0]!
  return {
    ...{ negativePrompt, steps, guidance, scheduler },
    prompts: [...new Set(oldestFirst.map(({ prompt }) => prompt))],
    seeds: [...new Set(oldestFirst.map(({ seed }) => seed))].sort(compareSeeds),
    variants: [...new Map(oldestFirst.map(({ variant }) => [variantKey(variant), variant])).values()],
  }
}
