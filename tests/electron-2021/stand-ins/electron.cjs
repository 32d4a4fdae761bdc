'use strict'
// What Electron has learnt since 9, as far as the program's main process uses it, by what Electron 9 has for it.

const { fork } = require('child_process')
const Module = require('module')
const electron = require('electron')

/** Utility processes are children of the Node that runs the test. */
const utilityProcess = {
  fork(file, args, { stdio }) {
    const output = stdio === 'pipe' ? 'pipe' : 'inherit'
    const execPath = process.env.ELECTRON_2021_NODE
    const child = fork(file, args, { execPath, stdio: ['ignore', output, 'inherit', 'ipc'] })
    return Object.assign(child, { postMessage: (message) => child.send(message) })
  },
}

const protocol = Object.assign(Object.create(electron.protocol), {
  registerSchemesAsPrivileged: (schemes) => electron.protocol.registerSchemesAsPrivileged(schemes),
  handle(scheme, answer) {
    electron.protocol.registerBufferProtocol(scheme, (request, respond) => {
      answer(request).then(
        ({ status, headers, body }) => {
          const [mimeType, charset] = (headers['content-type'] || 'text/plain').split('; charset=')
          respond({ statusCode: status, headers, mimeType, charset, data: Buffer.from(body) })
        },
        () => respond({ error: -2 }),
      )
    })
  },
})

/** The frames that have a page, by the id that messages name them with. */
const frames = new Map()

electron.app.on('web-contents-created', (_event, contents) => {
  contents.on('did-frame-navigate', (_navigated, url, _code, _text, isMainFrame, _process, id) => {
    const { protocol: scheme, host } = new URL(url)
    const origin = host ? `${scheme}//${host}` : 'null'
    frames.set(`${contents.id}/${id}`, { url, origin, parent: isMainFrame ? null : {} })
  })
  contents.setWindowOpenHandler = (decide) => {
    contents.on('new-window', (event, url) => {
      if (decide({ url }).action === 'deny') event.preventDefault()
    })
  }
})

const ipcMain = Object.assign(Object.create(electron.ipcMain), {
  handle(channel, answer) {
    electron.ipcMain.handle(channel, (event, ...args) => {
      const senderFrame = frames.get(`${event.sender.id}/${event.frameId}`) || null
      return answer(Object.assign(event, { senderFrame }), ...args)
    })
  },
})

const newer = Object.defineProperties(
  {},
  {
    ...Object.getOwnPropertyDescriptors(electron),
    ...Object.getOwnPropertyDescriptors({ ipcMain, protocol, utilityProcess }),
  },
)

const load = Module._load
Module._load = function (name, parent, ...rest) {
  return name === 'electron' && parent && /main\.cjs$/.test(parent.filename)
    ? newer
    : load.call(this, name, parent, ...rest)
}
