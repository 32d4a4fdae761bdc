import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type RawData, type WebSocket } from 'ws'
import type { Dispatch } from '../app/dispatch'
import type { EventHub } from '../app/event-hub'
import { FusionError, toErrorReport } from '../contract/errors'
import { clientMessageSchema, EVENTS_PATH, type Reply, type ServerMessage } from '../contract/protocol/wire'
import type { Access } from './access'
import { MAX_BODY_BYTES, parseJson, urlOf } from './http'

/** A client that reads so much slower than events come is cut off; it comes back and takes a snapshot. */
const MAX_WAITING_BYTES = 32 * 2 ** 20

export interface SocketOptions {
  access: Access
  events: EventHub
  dispatch: Dispatch
}

/** Events out, commands in, over WebSockets. */
export class EventSocket {
  private readonly server = new WebSocketServer({ noServer: true, maxPayload: MAX_BODY_BYTES })

  constructor(private readonly options: SocketOptions) {}

  /** An HTTP request that wants to become a WebSocket. */
  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const { access } = this.options
    const refusal = access.requireOwnOrigin(request) ?? access.requireToken(request)
    if (refusal) return refuse(socket, refusal.status)
    const url = urlOf(request)
    if (url?.pathname !== EVENTS_PATH) return refuse(socket, 404)
    const after = Number(url.searchParams.get('after') ?? NaN)
    this.server.handleUpgrade(request, socket, head, (client) => this.connect(client, after))
  }

  close(): void {
    for (const client of this.server.clients) client.terminate()
    this.server.close()
  }

  private connect(client: WebSocket, after: number): void {
    const { events } = this.options
    const missed = Number.isSafeInteger(after) && after >= 0 ? events.since(after) : null
    if (missed) for (const event of missed) send(client, { type: 'event', ...event })
    else send(client, { type: 'resync' })
    const end = events.listen((event) => send(client, { type: 'event', ...event }))
    client.on('close', end)
    client.on('error', () => client.terminate())
    client.on('message', (data) => void this.answer(client, data))
  }

  private async answer(client: WebSocket, data: RawData): Promise<void> {
    let id: number | null = null
    let reply: Reply
    try {
      const parsed = clientMessageSchema.safeParse(parseJson(String(data)))
      if (!parsed.success) throw new FusionError('validation', 'The message is not { id, command, input }.')
      id = parsed.data.id
      reply = await this.options.dispatch(parsed.data.command, parsed.data.input)
    } catch (error) {
      reply = { ok: false, error: toErrorReport(error) }
    }
    send(client, { type: 'reply', id, reply })
  }
}

/** The HTTP server has let go of this socket: a client that does not close its end must not keep it open. */
function refuse(socket: Duplex, status: number): void {
  socket.on('error', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\n\r\n`, () => socket.destroy())
}

function send(client: WebSocket, message: ServerMessage): void {
  if (client.bufferedAmount > MAX_WAITING_BYTES) client.terminate()
  else client.send(JSON.stringify(message))
}
