import type { ChildProcess } from 'node:child_process'
import { request, type IncomingHttpHeaders } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket, type ClientOptions } from 'ws'
import type { CommandInput, CommandName, CommandOutput } from '../src-main/contract/protocol/commands'
import type { Job } from '../src-main/contract/jobs'
import { API_PATH, EVENTS_PATH, type Reply } from '../src-main/contract/protocol/wire'

const POLL_MS = 50

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

interface RequestOptions {
  method?: string
  headers?: Record<string, string>
  body?: string
}

/** Waits for the address that `serve` prints on a line of its own. @throws where the process ends before */
export function printedAddress(serve: ChildProcess): Promise<URL> {
  return new Promise((resolve, reject) => {
    let output = ''
    serve.stdout!.setEncoding('utf8')
    serve.stdout!.on('data', (text: string) => {
      output += text
      const address = /^http:\/\/\S+\/\?token=\S+$/m.exec(output)
      if (address) resolve(new URL(address[0]))
    })
    serve.once('exit', (code) => reject(new Error(`serve ended with ${code}: ${output}`)))
  })
}

/** A client of a running `serve`, as the interface is one. */
export class ServeClient {
  /** @param url with its token, as `serve` prints it */
  constructor(readonly url: URL) {}

  /** The cookie of somebody who opened that address. */
  get cookie(): string {
    return `featurefusion-${this.url.port}=${this.url.searchParams.get('token')}`
  }

  /** One request as any program may send it, without the cookie. */
  send(path: string, { method = 'GET', headers = {}, body }: RequestOptions = {}): Promise<Answer> {
    const { hostname, port } = this.url
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    return new Promise((resolve, reject) => {
      const sent = request({ host, port, path, method, headers }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (text += chunk))
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }))
      })
      sent.on('error', reject)
      sent.end(body)
    })
  }

  /** A page or file, as a browser that came with the token asks for it. */
  get(path: string): Promise<Answer> {
    return this.send(path, { headers: { cookie: this.cookie } })
  }

  /** A command as the interface sends it, and whatever it answers. */
  async command(name: string, input: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    const answer = await this.send(API_PATH + name, {
      method: 'POST',
      headers: { cookie: this.cookie, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(input),
    })
    return JSON.parse(answer.text) as Reply
  }

  /** A command as the interface sends it. @throws the error that it answers */
  async invoke<C extends CommandName>(name: C, input: CommandInput<C>): Promise<CommandOutput<C>> {
    const reply = await this.command(name, input)
    if (reply.ok) return reply.value as CommandOutput<C>
    throw Object.assign(new Error(reply.error.message), reply.error)
  }

  /** @param after the number of the last event that is known */
  socket(after: string, options: ClientOptions = { headers: { cookie: this.cookie } }): WebSocket {
    return new WebSocket(`ws://${this.url.host}${EVENTS_PATH}?after=${after}`, options)
  }

  /** The job when it has come to one of these states. */
  async jobIn(states: readonly Job['state'][], { job }: { job: Job }): Promise<Job> {
    for (;;) {
      const { jobs } = await this.invoke('jobs.list', {})
      const found = jobs.find(({ id }) => id === job.id)
      if (found && states.includes(found.state)) return found
      await delay(POLL_MS)
    }
  }
}
