import type { Client, CommandOutput } from '../../src-main/contract/protocol/commands'
import { FusionError } from '../../src-main/contract/errors'
import type { NumberedEvent } from '../../src-main/contract/protocol/events'
import { API_PATH, EVENTS_PATH, type Reply, type ServerMessage } from '../../src-main/contract/protocol/wire'
import type { Bridge, Connection } from './bridge'
import { valueOf } from './reply'

const FIRST_RETRY = 250
const LAST_RETRY = 4_000

/** The bridge over HTTP and a WebSocket that connects again by itself. */
export function createHttpBridge(): Bridge {
  const listeners = new Set<(event: NumberedEvent) => void>()
  const connectionListeners = new Set<(connection: Connection) => void>()
  const missedListeners = new Set<() => void>()
  let socket: WebSocket | undefined
  let last = 0
  let retry = FIRST_RETRY
  let timer: ReturnType<typeof setTimeout> | undefined

  function emitConnection(connection: Connection): void {
    for (const listener of connectionListeners) listener(connection)
  }

  function open(): void {
    const url = new URL(`${EVENTS_PATH}?after=${last}`, location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    const opened = new WebSocket(url)
    socket = opened
    opened.onopen = () => {
      retry = FIRST_RETRY
      emitConnection('connected')
    }
    opened.onmessage = ({ data }: MessageEvent<string>) => receive(JSON.parse(data) as ServerMessage)
    opened.onclose = () => {
      if (socket !== opened) return
      emitConnection('lost')
      timer = setTimeout(open, retry)
      retry = Math.min(LAST_RETRY, retry * 2)
    }
  }

  function receive(message: ServerMessage): void {
    if (message.type === 'resync') return missedListeners.forEach((listener) => listener())
    if (message.type !== 'event') return
    last = message.sequence
    for (const listener of listeners) listener({ sequence: message.sequence, event: message.event })
  }

  const client: Client = {
    async invoke(command, input) {
      const reply = await post(command, input)
      return valueOf(reply) as CommandOutput<typeof command>
    },
    on(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }

  return {
    client,
    connect(after) {
      clearTimeout(timer)
      last = after
      const old = socket
      socket = undefined
      old?.close()
      open()
    },
    onConnection: (listener) => connectionListeners.add(listener),
    onMissed: (listener) => missedListeners.add(listener),
    pathOf: () => null,
  }
}

async function post(command: string, input: unknown): Promise<Reply> {
  try {
    const response = await fetch(API_PATH + command, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(input),
    })
    return (await response.json()) as Reply
  } catch (cause) {
    throw new FusionError('internal', 'FeatureFusion Studio does not answer.', {
      hint: 'Check whether the program that serves this page is still running, then try again.',
      cause,
    })
  }
}
