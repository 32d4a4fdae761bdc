import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { CommandInput } from '../../../src-main/contract/commands'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'

export type FilePurpose = CommandInput<'files.dialog'>['purpose']

/** Where something is to be written; `overwrite` where the person agreed to replace what is there. */
export interface FileTarget {
  path: string
  overwrite: boolean
}

export interface FileRequest {
  purpose: FilePurpose
  /** Name to save under; null when files are to be opened. */
  suggested: string | null
  answer(paths: string[], overwrite: boolean): void
}

/** Choosing files: the system's dialog on the desktop, the program's own in a browser. */
export const useFileDialog = defineStore('file-dialog', () => {
  const session = useSession()
  const notices = useNotices()
  const request = shallowRef<FileRequest | null>(null)

  async function ask(purpose: FilePurpose, suggested: string | null): Promise<{ paths: string[]; overwrite: boolean }> {
    if (session.host === 'desktop') {
      const input = suggested === null ? { purpose } : { purpose, suggested }
      const answer = await notices.attempt(() => session.invoke('files.dialog', input))
      return { paths: answer?.paths ?? [], overwrite: true }
    }
    return new Promise((resolve) => {
      request.value = {
        purpose,
        suggested,
        answer(paths, overwrite) {
          request.value = null
          resolve({ paths, overwrite })
        },
      }
    })
  }

  /** Files or folders to open; none where the person changed their mind. */
  async function choose(purpose: FilePurpose): Promise<string[]> {
    return (await ask(purpose, null)).paths
  }

  async function chooseTarget(purpose: FilePurpose, suggested: string): Promise<FileTarget | null> {
    const { paths, overwrite } = await ask(purpose, suggested)
    return paths[0] === undefined ? null : { path: paths[0], overwrite }
  }

  return { request, choose, chooseTarget }
})
