import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { readSmallFile } from '../../files/reading/regular-file'
import { SMALL_FILES } from '../../files/reading/small-files'
import type { MergePlan } from '../plan/merge-plan'
import type { Recipe } from '../plan/recipe'

/** All on which the bytes of an export depend, so that an unfinished one is continued only where they are the same. */
export const exportSealSchema = z.object({
  /** Of the program's own code: another version may compute other bytes. */
  program: z.string(),
  /** Of what ONNX Runtime computes on. */
  runtime: z.string(),
  /** Name and sha256 of every source. */
  sources: z.array(z.tuple([z.string(), z.string()])),
  /** Of the recipe without the hashes of its sources. */
  recipe: z.string(),
  /** Of the names, types and places of all tensors. */
  layout: z.string(),
  /** Of what is written into the headers: the title, the licence, and what was inherited. */
  metadata: z.string(),
})
export type ExportSeal = z.infer<typeof exportSealSchema>

/**
 * @param hashes of the sources by path
 * @param metadata of the export's files
 * @param workerFile the built tensor-worker, where one computes
 */
export async function exportSeal(
  plan: MergePlan,
  recipe: Recipe,
  hashes: ReadonlyMap<string, string>,
  metadata: Readonly<Record<string, string>>,
  workerFile: URL | null,
): Promise<ExportSeal> {
  const { runtime, ...method } = recipe
  return {
    program: await programDigest(workerFile),
    runtime: digest(runtime),
    sources: [...hashes].map(([path, sha256]) => [basename(path), sha256]),
    recipe: digest(method, (key, value: unknown) => (key === 'sha256' ? null : value)),
    layout: digest(plan.output.files.map(({ path, tensors, dataBytes }) => [path, tensors, dataBytes])),
    metadata: digest(metadata),
  }
}

/** Why an export that was begun under one seal cannot be continued under another, in words; null where it can. */
export function whyNotContinued(begun: ExportSeal, now: ExportSeal): string | null {
  if (begun.recipe !== now.recipe) return 'it was begun with another recipe'
  const known = new Set(now.sources.map(([, sha256]) => sha256))
  const changed = begun.sources.flatMap(([name, sha256]) => (known.has(sha256) ? [] : [name]))
  if (changed.length > 0) return `${[...new Set(changed)].join(', ')} changed since it was begun`
  if (begun.sources.length !== now.sources.length) return 'it was begun with other models'
  if (begun.layout !== now.layout) return 'it was begun with another layout'
  if (begun.runtime !== now.runtime) return 'it was begun on another device or with another ONNX Runtime'
  if (begun.metadata !== now.metadata) return 'it was begun with another title, licence or notes'
  if (begun.program !== now.program) return 'it was begun by another version of this program'
  return null
}

/** The built file of this module names the files that it imports by their contents: it changes with each of them. */
async function programDigest(workerFile: URL | null): Promise<string> {
  const hash = createHash('sha256')
  for (const url of [import.meta.url, ...(workerFile ? [workerFile] : [])])
    hash.update(await readSmallFile(fileURLToPath(url), SMALL_FILES.own))
  return hash.digest('hex')
}

function digest(value: unknown, replacer?: (key: string, value: unknown) => unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(value, replacer) ?? '')
    .digest('hex')
}
