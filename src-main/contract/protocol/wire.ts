import { z } from 'zod'
import type { CommandName } from './commands'
import type { ErrorReport } from '../errors'
import type { NumberedEvent } from './events'

/** The answer to a command, on every wire. */
export type Reply = { ok: true; value: unknown } | { ok: false; error: ErrorReport }

/**
 * HTTP: POST `/api/<command>` with the input as JSON; the body of the answer is a Reply (status 200, or 400, 401, 403,
 * 404, 413, 500 with ok: false). WebSocket: `/api/events?after=<sequence>`; it sends ServerMessages and takes
 * ClientMessages.
 */
export const API_PATH = '/api/'
export const EVENTS_PATH = '/api/events'

/** A command over the WebSocket; the reply carries its id. */
export const clientMessageSchema = z.strictObject({
  id: z.number().int().nonnegative(),
  command: z.string(),
  input: z.unknown(),
})

/** 'resync': events after the number that was asked for are not kept any more; take a snapshot. */
export type ServerMessage =
  ({ type: 'event' } & NumberedEvent) | { type: 'resync' } | { type: 'reply'; id: number | null; reply: Reply }

/** What preload.ts puts on `window.featureFusion` in the desktop. */
export interface DesktopApi {
  invoke(command: CommandName, input: unknown): Promise<Reply>
  on(listener: (event: NumberedEvent) => void): () => void
  /** Where a dropped file lies. */
  pathOf(file: object): string
}
