import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createDispatch } from '../app/dispatch'
import { interfaceRoots } from '../app/files/interface-files'
import { accessInside } from '../app/files/path-access'
import type { ForkCompute } from '../app/jobs/compute-supervisor'
import { Studio, type Host, type StudioOptions } from '../app/studio'
import { FusionError } from '../contract/errors'
import { limitLinks } from '../engine/files/reading/links'
import { Access } from './access'
import { acceptedHosts, hostOf, ownAddress, servedAddress } from './addresses'
import { EventSocket } from './event-socket'
import { forkCompute } from './fork-compute'
import { answerHttp } from './http'

/** The connection is not encrypted: the token can be read as well. */
const PUBLIC_WARNING =
  'Warning: other machines can reach this program. Whoever sees this address, or what is sent, can use the allowed folders.\n'

export interface ServeOptions {
  /** 0 (default): any free one. */
  port?: number
  /** The address to listen on; 127.0.0.1 unless told otherwise. */
  address?: string
  /** Whether it may be one that other machines reach. */
  network?: boolean
  /** Folders that may be used; the demo's can be read besides. */
  allow: readonly string[]
  /** Built files: the interface, and the compute process. */
  rendererFolder: string
  computeFile: string
  /** How the compute process is started; as a child of Node unless told otherwise. */
  fork?: ForkCompute
  demoFolder: string
  dataFolder: string
  cacheFolder: string
  version: string
  /** Open the demo project, unless there is unsaved work from before. */
  demo?: boolean
}

export interface RunningServer {
  /** With its token. */
  url: string
  /** Whether other machines may reach it. */
  isPublic: boolean
  studio: Studio
  close(): Promise<void>
}

/**
 * The program in a browser.
 * @throws FusionError 'not-found' for an allowed folder that is not there, 'validation' for a port that is taken
 */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const served = servedAddress(options.address, options.network)
  const access = await accessInside(options.allow, [options.demoFolder])
  const folders = access.roots.map(({ path }) => path)
  const host: Host = {
    kind: 'serve',
    access,
    fork: () => (options.fork ?? forkCompute)(options.computeFile, folders),
    dialog: () => Promise.reject(inBrowser('The system has no dialogs here.')),
    showInFolder: () => {
      throw inBrowser('Folders cannot be shown from a browser.')
    },
    openExternal: () => Promise.reject(inBrowser('Pages are opened by the browser itself.')),
  }
  // Nobody has the token yet. A port that is taken leaves the document of before untouched.
  const server = createServer()
  const port = await listen(server, options.port ?? 0, served.address)
  const unlimit = limitLinks(folders)
  const studio = await openStudio({ ...options, host }, options.demo).catch((error: unknown) => {
    unlimit()
    server.close()
    throw error
  })
  const dispatch = createDispatch(studio)
  const gate = new Access(acceptedHosts(served, port), `featurefusion-${port}`)
  const sockets = new EventSocket({ access: gate, events: studio.events, dispatch })
  const roots = () => interfaceRoots(studio, options.rendererFolder)
  server.on('request', (request, response) => void answerHttp(request, response, { access: gate, roots, dispatch }))
  server.on('upgrade', sockets.upgrade)
  return {
    url: `http://${hostOf(ownAddress(served.address), port)}/?token=${gate.token}`,
    isPublic: served.isPublic,
    studio,
    async close() {
      server.close()
      sockets.close()
      server.closeAllConnections()
      await studio.close()
      unlimit()
    },
  }
}

async function openStudio(options: StudioOptions, demo = false): Promise<Studio> {
  const studio = await Studio.open(options)
  try {
    if (demo && !studio.project.state.dirty) await studio.openDemo()
    return studio
  } catch (error) {
    await studio.close()
    throw error
  }
}

/** Serves until the signal; prints the URL with its token on one line. */
export async function runServe(options: ServeOptions, signal: AbortSignal): Promise<void> {
  const running = await startServer(options)
  process.stdout.write(`${running.url}\n`)
  if (running.isPublic) process.stderr.write(PUBLIC_WARNING)
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  await running.close()
}

function listen(server: ReturnType<typeof createServer>, port: number, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen(port, address, cause)))
    server.listen(port, address, () => resolve((server.address() as AddressInfo).port))
  })
}

function cannotListen(port: number, address: string, cause: NodeJS.ErrnoException): FusionError {
  const detail = cause.message
  switch (cause.code) {
    case 'EADDRINUSE':
      return new FusionError('validation', `Port ${port} of ${address} is in use by another program.`, {
        detail,
        hint: 'Choose another one, or --port 0 for any free one.',
        cause,
      })
    case 'EACCES':
      return new FusionError('validation', `This system does not let you use port ${port}.`, {
        detail,
        hint: 'Choose one above 1023, or --port 0 for any free one.',
        cause,
      })
    default:
      return new FusionError('validation', `${address}, port ${port}, cannot be listened on.`, {
        detail,
        hint: 'Is it an address of this machine? --address 127.0.0.1 always is, and --port 0 takes any free port.',
        cause,
      })
  }
}

function inBrowser(message: string): FusionError {
  return new FusionError('unsupported', message)
}
