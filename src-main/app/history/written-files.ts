import { stat } from 'node:fs/promises'
import type { FileState, MergeRecord } from '../../contract/history'

type WrittenFile = MergeRecord['files'][number]

/** What tells a file that was just written from whatever will stand in its place. */
export async function writtenFile({ path, sha256 }: Pick<WrittenFile, 'path' | 'sha256'>): Promise<WrittenFile> {
  const { size, mtimeMs } = await stat(path)
  return { path, sha256, bytes: size, modified: mtimeMs }
}

/**
 * Whether what was written is still there, as it was.
 * @param mayRead where it is false, nothing is told of the files
 */
export async function writtenState(
  { path, files }: Pick<MergeRecord, 'path' | 'files'>,
  mayRead: (path: string) => Promise<boolean>,
): Promise<FileState> {
  if (!(await mayRead(path))) return 'unknown'
  const now = await Promise.all(files.map((file) => writtenFile(file).catch(() => null)))
  if (now.includes(null)) return 'gone'
  const isSame = files.every(
    ({ bytes, modified }, place) => now[place]!.bytes === bytes && now[place]!.modified === modified,
  )
  return isSame ? 'there' : 'changed'
}
