import { describedMetadata } from '../merge/plan/export/described-metadata'
import { basename } from 'node:path'
import { usedSettings } from '../../contract/adapter-fusion'
import { frequenciesIn } from '../adapters/describe-adapter'
import type { MergePlan } from '../merge/plan/merge-plan'
import type { FuseOptions, Fusion } from './fusion'

/** kohya's counts of caption words: programs offer the commonest as trigger words. */
const TAGS = 'ss_tag_frequency'

/** What a fused adapter's file says beside the usual: the adapters, their hashes and weights, and their trigger words. */
export function fusedMetadata(
  plan: MergePlan,
  hashes: ReadonlyMap<string, string>,
  { kept, convolutionsKept, fusion }: Pick<FuseOptions, 'kept' | 'convolutionsKept' | 'fusion'>,
  { relativeError, leftOut }: Pick<Fusion, 'relativeError' | 'leftOut'>,
): Record<string, string> {
  const note = {
    format: 'featurefusion-fusion',
    version: 1,
    base: basename(plan.base.path),
    adapters: plan.models.slice(1).map(({ entry, checkpoint }) => ({
      name: entry.name,
      files: checkpoint.files.map(({ path }) => ({ file: basename(path), sha256: hashes.get(path)! })),
      weight: entry.weight,
      strengths: checkpoint.adapted!.strengths,
      ...(Object.keys(entry.blocks).length > 0 && { blocks: entry.blocks }),
      ...(entry.layers.length > 0 && { layers: entry.layers }),
    })),
    fusion: usedSettings(fusion),
    method: plan.method.name,
    ...kept,
    ...(convolutionsKept && { convolutions: convolutionsKept }),
    relativeError,
    leftOut: leftOut.length,
  }
  const tags = tagsOf(plan)
  return {
    featurefusion_fusion: JSON.stringify(note),
    ...(tags !== undefined && { [TAGS]: tags }),
    ...describedMetadata(plan.project.output),
  }
}

/** Bytes that these metadata take at most, beside the hashes of files: characters may be escaped, twice. */
export function metadataRoom(plan: MergePlan): number {
  const described = Object.values(describedMetadata(plan.project.output))
  const rules = plan.models.map(({ entry: { name, blocks, layers } }) => [name, blocks, layers])
  const texts = [tagsOf(plan) ?? '', ...described, JSON.stringify(rules)]
  return 12 * texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
}

/** The words of all adapters together; undefined where none says any. */
function tagsOf({ models }: MergePlan): string | undefined {
  // Maps: words come from files of others, and may be names that objects have.
  const folders = new Map<string, Map<string, number>>()
  for (const { checkpoint } of models.slice(1))
    for (const [folder, words] of Object.entries(frequenciesIn(checkpoint.metadata[TAGS]))) {
      const own = folders.get(folder) ?? new Map<string, number>()
      for (const [word, count] of Object.entries(words)) own.set(word, (own.get(word) ?? 0) + count)
      folders.set(folder, own)
    }
  if (folders.size === 0) return undefined
  return JSON.stringify(Object.fromEntries([...folders].map(([folder, words]) => [folder, Object.fromEntries(words)])))
}
