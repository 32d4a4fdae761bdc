import { stat } from 'node:fs/promises'
import { hashFile } from '../../engine/checkpoint/hash'
import type { TaskRunner } from '../task'

/** Hashes files, one after the other; progress by bytes. */
export const hash: TaskRunner<'hash'> = async ({ paths, cacheFolder }, { signal, emit }) => {
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size))
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const files: { path: string; sha256: string }[] = []
  let before = 0
  for (const [index, path] of paths.entries()) {
    const onProgress = (done: number): void =>
      emit({ type: 'progress', phase: 'hashing', fraction: total > 0 ? (before + done) / total : 1 })
    files.push({ path, sha256: await hashFile(path, { cacheFolder, signal, onProgress }) })
    before += sizes[index]!
  }
  return { kind: 'hash', files }
}
