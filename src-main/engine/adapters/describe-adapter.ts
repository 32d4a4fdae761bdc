import { z } from 'zod'
import { describeFiles, parsedRecipes, type CheckpointSummary } from '../checkpoint/describe'
import { groupExtras, groupInWords } from '../checkpoint/model/extras'
import type { StoredTensor } from '../checkpoint/containers/container'
import { elementCount } from '../tensor/element-type'
import { unknownAlpha, type Adapter } from './adapter-file'

/** How many trigger words are shown: the commonest. */
const MOST_WORDS = 12

/** Counts of the words in captions, by folder of training pictures (kohya's ss_tag_frequency). */
const frequenciesSchema = z.record(z.string(), z.record(z.string(), z.number()))

/** What an adapter is, in the form in which checkpoints are described; it has no parts of its own. */
export async function describeAdapter(
  adapter: Adapter,
  options: { cacheFolder?: string } = {},
): Promise<CheckpointSummary> {
  const { path, title, modules, leftAside, metadata } = adapter
  const tensors = modules.flatMap(tensorsOf)
  return {
    path,
    layout: 'adapter',
    architecture: 'unknown',
    predictionType: null,
    components: [],
    parameters: tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    ...(await describeFiles(adapter.files, [...tensors, ...leftAside], options)),
    extras: leftAside.map(({ name }) => name),
    leftAside: groupExtras(leftAside).map(groupInWords),
    ...parsedRecipes(metadata),
    problems: unknownAlpha(adapter),
    emaCopies: 0,
    adapter: {
      kind: title,
      modules: modules.length,
      ranks: distinct(modules.map(({ rank }) => rank)),
      alphas: distinct(modules.map(({ alpha }) => alpha)),
      base: baseNamedBy(adapter),
      triggerWords: triggerWords(metadata['ss_tag_frequency']),
    },
  }
}

function tensorsOf({ factors, bias }: Adapter['modules'][number]): StoredTensor[] {
  return [...Object.values(factors), ...(bias ? [bias] : [])]
}

function distinct(values: readonly (number | null)[]): number[] {
  return [...new Set(values.filter((value) => value !== null))].sort((a, b) => a - b)
}

/** The model that an adapter says it was trained for, or the kind of it. */
function baseNamedBy({ metadata, baseName }: Adapter): string | null {
  const keys = ['ss_base_model_version', 'modelspec.architecture', 'ss_sd_model_name']
  const said = keys.flatMap((key) => metadata[key] ?? []).find((text) => text !== '' && text !== 'None')
  return said ?? baseName
}

/** The commonest words of the captions that an adapter was trained with. */
function triggerWords(text: string | undefined): string[] {
  const counts = new Map<string, number>()
  for (const words of Object.values(frequenciesIn(text)))
    for (const [word, count] of Object.entries(words)) {
      const trimmed = word.trim()
      if (trimmed !== '') counts.set(trimmed, (counts.get(trimmed) ?? 0) + count)
    }
  const commonest = [...counts].sort(([, a], [, b]) => b - a)
  return commonest.slice(0, MOST_WORDS).map(([word]) => word)
}

/**
 * Counts of caption words by folder (kohya's ss_tag_frequency). None where the metadata are damaged: they are words for
 * people.
 */
export function frequenciesIn(text: string | undefined): Record<string, Record<string, number>> {
  if (text === undefined) return {}
  try {
    return frequenciesSchema.parse(JSON.parse(text))
  } catch {
    return {}
  }
}
