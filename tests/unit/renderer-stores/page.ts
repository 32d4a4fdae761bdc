import { createPinia, type Pinia } from 'pinia'
import { expect, vi } from 'vitest'
import { createApp } from 'vue'
import { WebSocket } from 'ws'
import { bridgeKey, type Bridge } from '../../../src-renderer/bridge/bridge'
import type { TestServer } from '../server/server'

const nodeFetch = globalThis.fetch

/** By the page that is open, in order. */
let opened: WebSocket[] = []

/**
 * Gives the interface's code what it has in a browser that opened the server's address: a location, a storage, and fetch
 * and WebSocket with the server's cookie. Node has no page, and its WebSocket takes no cookie.
 * @returns every socket that is opened from now on
 */
export function visit(server: TestServer): WebSocket[] {
  const sockets: WebSocket[] = []
  const { cookie } = server
  const address = `http://${server.url.host}/`
  vi.stubGlobal('location', { href: address })
  const kept = new Map<string, string>()
  const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: kept.set.bind(kept) }
  vi.stubGlobal('localStorage', storage)
  vi.stubGlobal('fetch', (path: string, init: RequestInit) =>
    nodeFetch(new URL(path, address), { ...init, headers: { ...(init.headers as Record<string, string>), cookie } }),
  )
  vi.stubGlobal(
    'WebSocket',
    class extends WebSocket {
      constructor(url: URL) {
        super(url, { headers: { cookie } })
        this.on('error', () => undefined) // a browser logs it
        sockets.push(this)
        opened.push(this)
      }
    },
  )
  return sockets
}

/** Closes the page: what its bridge still waits to open leads nowhere, and no later test hears of it. */
export async function leave(): Promise<void> {
  const none = vi.fn()
  vi.stubGlobal('WebSocket', none)
  const latest = opened.at(-1)
  opened = []
  if (latest?.readyState === WebSocket.CLOSED) await eventually(() => expect(none).toHaveBeenCalled())
  else if (latest) {
    latest.onclose = latest.onmessage = null
    latest.terminate()
  }
}

/** The stores of an interface that talks to its host over this bridge. */
export function storesOver(bridge: Bridge): Pinia {
  const pinia = createPinia()
  createApp({}).provide(bridgeKey, bridge).use(pinia)
  return pinia
}

/** Waits for what must come sooner or later, however busy the machine is. */
export function eventually(check: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: 20_000, interval: 20 })
}
