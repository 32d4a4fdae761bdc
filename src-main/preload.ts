import { contextBridge, ipcRenderer, webUtils } from 'electron'
import { IPC } from './contract/protocol/ipc'
import type { DesktopApi } from './contract/protocol/wire'

// Runs in the sandbox, before the interface: all that the interface can reach of Electron is this object.

/** The names of the contract's commands; put here by the build (electron.vite.config.ts). */
declare const COMMAND_NAMES: readonly string[]

const api: DesktopApi = {
  invoke(command, input) {
    if (!COMMAND_NAMES.includes(command)) return Promise.reject(new Error(`There is no command ${String(command)}.`))
    return ipcRenderer.invoke(IPC.command, command, input) as ReturnType<DesktopApi['invoke']>
  },
  on(listener) {
    const forward = (_event: unknown, numbered: Parameters<typeof listener>[0]): void => listener(numbered)
    ipcRenderer.on(IPC.event, forward)
    return () => ipcRenderer.off(IPC.event, forward)
  },
  pathOf: (file) => webUtils.getPathForFile(file as Parameters<typeof webUtils.getPathForFile>[0]),
}

contextBridge.exposeInMainWorld('featureFusion', api)
