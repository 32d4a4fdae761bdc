import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { withEnding } from '../../../src-main/contract/document/names/file-names'
import { useSession } from '../../bridge/session-store'
import { fileName } from '../../shared/format'
import { useNotices } from '../../shared/notices/notices-store'
import { TITLES, WRITTEN_ENDING, type FilePurpose } from './file-words'

/** Where something is to be written; `overwrite` where the person agreed to replace what is there. */
export interface FileTarget {
  path: string
  overwrite: boolean
}

export interface FileRequest {
  purpose: FilePurpose
  /** What is to be shown in its folder, where nothing is to be chosen. */
  look: string | null
  title: string
  /** Name to save under; null when files are to be opened. */
  suggested: string | null
  answer(paths: string[], overwrite: boolean): void
}

/** Choosing files: the system's dialog on the desktop, the program's own in a browser. */
export const useFileDialog = defineStore('file-dialog', () => {
  const session = useSession()
  const notices = useNotices()
  const request = shallowRef<FileRequest | null>(null)

  async function ask(
    purpose: FilePurpose,
    title: string,
    suggested: string | null,
  ): Promise<{ paths: string[]; overwrite: boolean }> {
    if (session.host === 'desktop') {
      const input = suggested === null ? { purpose, title } : { purpose, title, suggested }
      const answer = await notices.attempt(() => session.invoke('files.dialog', input))
      return { paths: answer?.paths ?? [], overwrite: true }
    }
    return new Promise((resolve) => {
      request.value = {
        purpose,
        look: null,
        title,
        suggested,
        answer(paths, overwrite) {
          request.value = null
          resolve({ paths, overwrite })
        },
      }
    })
  }

  /**
   * Files or folders to open; none where the person changed their mind.
   * @param title what they are for, where the purpose does not say it
   */
  async function choose(purpose: FilePurpose, title = TITLES[purpose]): Promise<string[]> {
    return (await ask(purpose, title, null)).paths
  }

  /** A place to write to, with the ending that belongs to the purpose. */
  async function chooseTarget(
    purpose: FilePurpose,
    suggested: string,
    title = TITLES[purpose],
  ): Promise<FileTarget | null> {
    const { paths, overwrite } = await ask(purpose, title, suggested)
    const [path] = paths
    if (path === undefined) return null
    const ending = WRITTEN_ENDING[purpose]
    const named = ending === undefined || fileName(path) === '' ? path : withEnding(path, ending)
    // What stands under the name with its ending, the system's dialog has not asked about.
    return { path: named, overwrite: overwrite && named === path }
  }

  /** Shows a file or folder in the folder that it lies in. */
  function show(path: string): void {
    const answer = (): void => void (request.value = null)
    request.value = { purpose: 'folder', look: path, title: `Where ${fileName(path)} is`, suggested: null, answer }
  }

  return { request, choose, chooseTarget, show }
})
