// What stands in for the module `electron` where the packaged main process runs as plain Node: all that a command line
// touches. Utility processes are children of Node; whatever belongs to a window is there by name alone.
import { fork } from 'node:child_process'

// A packaged program has no script among its arguments.
process.argv.splice(1, 1)

export const app = {
  commandLine: { appendSwitch() {} },
  whenReady: () => Promise.resolve(),
  exit: (code) => process.exit(code),
}

export const utilityProcess = {
  fork(file, args, { stdio }) {
    const output = stdio === 'pipe' ? 'pipe' : 'inherit'
    const child = fork(file, args, { serialization: 'advanced', stdio: ['ignore', output, 'inherit', 'ipc'] })
    return Object.assign(child, { postMessage: (message) => child.send(message) })
  },
}

export const BrowserWindow = undefined
export const Notification = undefined
export const dialog = undefined
export const ipcMain = undefined
export const protocol = undefined
export const screen = undefined
export const session = undefined
export const shell = undefined
