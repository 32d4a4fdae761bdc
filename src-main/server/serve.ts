import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createDispatch } from '../app/dispatch'
import { interfaceRoots } from '../app/interface-files'
import { accessInside } from '../app/path-access'
import { Studio, type Host } from '../app/studio'
import { FusionError } from '../contract/errors'
import { Access } from './access'
import { EventSocket } from './event-socket'
import { forkCompute } from './fork-compute'
import { answerHttp } from './http'

const LOCALHOST = '127.0.0.1'

export interface ServeOptions {
  /** 0 (default): any free one. */
  port?: number
  /** The address to listen on; 127.0.0.1 unless told otherwise. */
  address?: string
  /** Folders that may be used; the demo's can be read besides. */
  allow: readonly string[]
  /** Built files: the interface, and the compute process. */
  rendererFolder: string
  computeFile: string
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
  studio: Studio
  close(): Promise<void>
}

/**
 * The program in a browser.
 * @throws FusionError 'not-found' for an allowed folder that is not there, 'validation' for a port that is taken
 */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const { address = LOCALHOST } = options
  const host: Host = {
    kind: 'serve',
    access: await accessInside(options.allow, [options.demoFolder]),
    fork: () => forkCompute(options.computeFile),
    dialog: () => Promise.reject(inBrowser('The system has no dialogs here.')),
    showInFolder: () => {
      throw inBrowser('Folders cannot be shown from a browser.')
    },
    openExternal: () => Promise.reject(inBrowser('Pages are opened by the browser itself.')),
  }
  const studio = await Studio.open({ ...options, host })
  if (options.demo && !studio.project.state.dirty) await studio.openDemo()
  const dispatch = createDispatch(studio)

  const server = createServer()
  const port = await listen(server, options.port ?? 0, address)
  const names = address === LOCALHOST ? [LOCALHOST, 'localhost'] : [LOCALHOST, 'localhost', address]
  const access = new Access(
    names.map((name) => `${name}:${port}`),
    `featurefusion-${port}`,
  )
  const sockets = new EventSocket({ access, events: studio.events, dispatch })
  const roots = () => interfaceRoots(studio, options.rendererFolder)
  server.on('request', (request, response) => void answerHttp(request, response, { access, roots, dispatch }))
  server.on('upgrade', sockets.upgrade)
  return {
    url: `http://${address}:${port}/?token=${access.token}`,
    studio,
    async close() {
      sockets.close()
      server.close()
      server.closeAllConnections()
      await studio.close()
    },
  }
}

/** Serves until the signal; prints the URL with its token on one line. */
export async function runServe(options: ServeOptions, signal: AbortSignal): Promise<void> {
  const running = await startServer(options)
  process.stdout.write(`${running.url}\n`)
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  await running.close()
}

function listen(server: ReturnType<typeof createServer>, port: number, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new FusionError('validation', `${address}:${port} cannot be listened on (${cause.code ?? cause.message}).`, {
          hint: 'Choose another port, or 0 for any free one.',
          cause,
        }),
      ),
    )
    server.listen(port, address, () => resolve((server.address() as AddressInfo).port))
  })
}

function inBrowser(message: string): FusionError {
  return new FusionError('unsupported', message)
}
