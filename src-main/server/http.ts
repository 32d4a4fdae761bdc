import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Dispatch } from '../app/dispatch'
import {
  CONTENT_SECURITY_POLICY,
  findInterfaceFile,
  readInterfaceFile,
  type InterfaceRoots,
} from '../app/files/interface-files'
import { FusionError, toErrorReport, type ErrorKind } from '../contract/errors'
import { API_PATH, type Reply } from '../contract/protocol/wire'
import type { Access, Refusal } from './access'

/** The largest input: a dropped PNG as base64. */
export const MAX_BODY_BYTES = 32 * 2 ** 20

/** Paths stand for themselves: only they and the query of such a URL count. */
const ORIGIN = 'http://localhost'

const SECURITY_HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}

const STATUS: Partial<Record<ErrorKind, number>> = { validation: 400, 'not-found': 404, internal: 500 }

export interface HttpOptions {
  access: Access
  roots: () => InterfaceRoots
  dispatch: Dispatch
}

/** Answers one HTTP request. Never throws. */
export async function answerHttp(
  request: IncomingMessage,
  response: ServerResponse,
  { access, roots, dispatch }: HttpOptions,
): Promise<void> {
  try {
    const wrongOrigin = access.requireOwnOrigin(request)
    if (wrongOrigin) return refuse(response, wrongOrigin)
    const url = urlOf(request)
    if (!url) throw new FusionError('validation', 'The request names no path.')
    if (url.pathname === '/' && access.isToken(url.searchParams.get('token') ?? '')) {
      response.writeHead(303, { ...SECURITY_HEADERS, location: '/', 'set-cookie': access.setCookie }).end()
      return
    }
    const noToken = access.requireToken(request)
    if (noToken) return refuse(response, noToken)
    if (url.pathname.startsWith(API_PATH)) return await answerCommand(request, response, url, dispatch)
    await sendFile(request, response, url, roots())
  } catch (error) {
    if (!response.headersSent) sendReply(response, { ok: false, error: toErrorReport(error) })
    else response.destroy()
  }
}

async function answerCommand(
  request: IncomingMessage,
  response: ServerResponse,
  { pathname }: URL,
  dispatch: Dispatch,
): Promise<void> {
  if (request.method !== 'POST') {
    response.writeHead(405, { ...SECURITY_HEADERS, allow: 'POST' }).end()
    return
  }
  // A form of another site can send text, but not JSON.
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    throw new FusionError('validation', 'The body must be application/json.')
  }
  const body = await readBody(request)
  if (body === null) {
    const error = toErrorReport(new FusionError('validation', `The body is longer than ${MAX_BODY_BYTES} bytes.`))
    sendReply(response, { ok: false, error }, 413)
    return
  }
  sendReply(response, await dispatch(pathname.slice(API_PATH.length), parseJson(body)))
}

/** Path and query of a request; null for what is no path. */
export function urlOf({ url = '/' }: IncomingMessage): URL | null {
  return URL.canParse(url, ORIGIN) ? new URL(url, ORIGIN) : null
}

/** @throws FusionError 'validation' */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new FusionError('validation', 'The input is not JSON.', { cause })
  }
}

/** null where it is too long: what is left of it is not read. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MAX_BODY_BYTES) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  { pathname }: URL,
  roots: InterfaceRoots,
): Promise<void> {
  const file = request.method === 'GET' || request.method === 'HEAD' ? await findInterfaceFile(pathname, roots) : null
  if (!file) {
    response.writeHead(404, { ...SECURITY_HEADERS, 'content-type': 'text/plain' }).end('Not found')
    return
  }
  const bytes = await readInterfaceFile(file)
  response.writeHead(200, {
    ...SECURITY_HEADERS,
    'content-type': file.contentType,
    'content-length': bytes.length,
    'cache-control': file.immutable ? 'private, max-age=31536000, immutable' : 'no-store',
  })
  response.end(request.method === 'HEAD' ? undefined : bytes)
}

function refuse(response: ServerResponse, { status, reason }: Refusal): void {
  response.writeHead(status, { ...SECURITY_HEADERS, 'content-type': 'text/plain; charset=utf-8' }).end(reason)
}

function sendReply(response: ServerResponse, reply: Reply, status?: number): void {
  response.writeHead(status ?? (reply.ok ? 200 : (STATUS[reply.error.kind] ?? 422)), {
    ...SECURITY_HEADERS,
    'content-type': 'application/json',
    'cache-control': 'no-store',
  })
  response.end(JSON.stringify(reply))
}
