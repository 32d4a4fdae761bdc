import { realpathSync } from 'node:fs'
import { FusionError } from '../../../contract/errors'
import { isInside } from './inside'
import { isThere } from './regular-file'

/** Folders outside of which links may not lead, of every host in this process; none: the person's own rights hold. */
const limits = new Set<readonly string[]>()

/** A repository of Hugging Face's cache, whose snapshots are folders of links to its blobs. */
const SNAPSHOT = /^(.*[\\/](?:models|datasets|spaces)--[^\\/]+--[^\\/]+)[\\/]snapshots[\\/][^\\/]+(?:[\\/]|$)/

/**
 * From now on links may lead only into these folders (or stay where the rules of requireOwn let them).
 * @param folders real paths
 * @returns takes the limit back
 */
export function limitLinks(folders: readonly string[]): () => void {
  const limit = [...folders]
  limits.add(limit)
  return () => void limits.delete(limit)
}

/** The folders into which links may lead, for another thread of this process to limit them as well; null: anywhere. */
export function linkLimit(): readonly string[] | null {
  return limits.size === 0 ? null : [...limits].flat()
}

/**
 * Refuses a file that a link leads out of the folder it seems to lie in. It may lead into the repository of Hugging Face's
 * cache that the folder is a snapshot of, and into folders that were allowed (limitLinks).
 * @param use 'copy': into an export, which may be published: whoever made the folder could have put a link to anybody's
 *   file there, so this holds on every host. 'read': people keep weights and whole parts elsewhere, and link them; where
 *   there are no limits, links lead wherever the person may read.
 * @throws FusionError 'validation'; the same whether the target exists or not. Not for a file that is not there.
 */
export function requireOwn(path: string, folder: string, use: 'read' | 'copy'): void {
  if (use === 'read' && limits.size === 0) return
  const real = realPath(path)
  if (real === 'absent') return
  const own = realPath(folder)
  const repository = SNAPSHOT.exec(own)?.[1]
  const allowed = [own, ...(repository === undefined ? [] : [repository]), ...[...limits].flat()]
  if (real !== 'broken' && allowed.some((root) => isInside(real, root))) return
  throw new FusionError('validation', `${path} is a link that leads out of ${folder}, or to nothing.`, {
    hint: 'Put the file itself there, if you trust whoever made the folder.',
  })
}

/** With all links followed; 'broken' for a link to nothing, 'absent' where there is neither file nor link. */
function realPath(path: string): string {
  try {
    return realpathSync.native(path)
  } catch {
    return isThere(path) ? 'broken' : 'absent'
  }
}
