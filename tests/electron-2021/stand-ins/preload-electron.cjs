'use strict'
// The preload script's `electron`, with the newer `webUtils`.

const { contextBridge, ipcRenderer } = require('electron')

/** Electron 9 hands no file over its bridge, but an empty object: files are known by the order in which they are asked for. */
let dropped = []
addEventListener('drop', ({ dataTransfer }) => (dropped = Array.from(dataTransfer.files)), { capture: true })

const webUtils = {
  getPathForFile: () => dropped.shift().path,
}

module.exports = { contextBridge, ipcRenderer, webUtils }
