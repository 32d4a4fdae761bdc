'use strict'
// What Node has learnt since 12.14, as far as the program's main process uses it: modules by their names with `node:`,
// newer functions of old modules, newer globals.

const Module = require('module')
const fs = require('fs')
const os = require('os')
const crypto = require('crypto')
const v8 = require('v8')
const { execFile } = require('child_process')
const { promisify } = require('util')

/** As far as it is used: files, empty and full folders, `force`. */
async function rm(path, { recursive = false, force = false } = {}) {
  try {
    const isFolder = (await fs.promises.lstat(path)).isDirectory()
    await (isFolder ? fs.promises.rmdir(path, { recursive }) : fs.promises.unlink(path))
  } catch (error) {
    if (!force || error.code !== 'ENOENT') throw error
  }
}

function rmSync(path, { recursive = false, force = false } = {}) {
  if (force && !fs.existsSync(path)) return
  if (fs.lstatSync(path).isDirectory()) fs.rmdirSync(path, { recursive })
  else fs.unlinkSync(path)
}

function statSync(path, options) {
  try {
    return fs.statSync(path, options)
  } catch (error) {
    if (options && options.throwIfNoEntry === false && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Room on the disk, as Linux' own command tells it. */
async function statfs(path) {
  const { stdout } = await promisify(execFile)('stat', ['--file-system', '--format=%S %b %f %a', path])
  const [bsize, blocks, bfree, bavail] = stdout.split(' ').map(Number)
  return { bsize, blocks, bfree, bavail }
}

function randomUUID() {
  const bytes = crypto.randomBytes(16)
  bytes[6] = (bytes[6] & 0x0f) | 0x40
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** Every version of a stand-in is what the newer Node has under that name. */
const NEWER = {
  crypto: { ...crypto, randomUUID },
  fs: { ...fs, rmSync, statSync },
  'fs/promises': { ...fs.promises, constants: fs.constants, rm, statfs },
  os: { ...os, availableParallelism: () => os.cpus().length },
  'timers/promises': { setTimeout: promisify(setTimeout) },
}

const load = Module._load
Module._load = function (name, ...rest) {
  const plain = name.replace(/^node:/, '')
  return NEWER[plain] || load.call(this, plain, ...rest)
}

const { EventEmitter } = require('events')

/** As far as it is used: listeners of 'abort', `aborted`, `reason`. */
class AbortSignal {
  constructor() {
    this.aborted = false
    this.reason = undefined
    Object.defineProperty(this, 'emitter', { value: new EventEmitter() })
  }
  addEventListener(name, listener, { once = false } = {}) {
    this.emitter[once ? 'once' : 'on'](name, listener)
  }
  removeEventListener(name, listener) {
    this.emitter.off(name, listener)
  }
  throwIfAborted() {
    if (this.aborted) throw this.reason
  }
}

class AbortController {
  constructor() {
    this.signal = new AbortSignal()
  }
  abort(reason = Object.assign(new Error('This operation was aborted'), { name: 'AbortError' })) {
    if (this.signal.aborted) return
    Object.assign(this.signal, { aborted: true, reason })
    this.signal.emitter.emit('abort', { type: 'abort' })
  }
}

/** As far as it is used: what `protocol.handle` is answered with. */
class Response {
  constructor(body, { status = 200, headers = {} } = {}) {
    Object.assign(this, { body, status, headers })
  }
}

Object.assign(global, {
  AbortController,
  AbortSignal,
  Response,
  structuredClone: (value) => v8.deserialize(v8.serialize(value)),
  performance: require('perf_hooks').performance,
})
