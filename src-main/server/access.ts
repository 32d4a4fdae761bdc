import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Why a request is refused, with the HTTP status that says so. */
export interface Refusal {
  status: 401 | 403
  reason: string
}

/** Who may talk to the server: requests that name this host, come from its own pages, and bring the token. */
export class Access {
  readonly token = randomBytes(24).toString('base64url')

  /**
   * @param hosts accepted in the Host header, with port
   * @param cookieName told apart by port: cookies are not
   */
  constructor(
    private readonly hosts: readonly string[],
    private readonly cookieName: string,
  ) {}

  /**
   * Refuses another site's name that points here (DNS rebinding), and requests from another site's page.
   * @returns null for a request that may pass
   */
  requireOwnOrigin({ headers: { host, origin } }: IncomingMessage): Refusal | null {
    if (!this.hosts.includes(host ?? '')) return { status: 403, reason: 'This host name is not served here.' }
    if (origin !== undefined && !this.hosts.some((own) => origin === `http://${own}`)) {
      return { status: 403, reason: 'Requests from other origins are refused.' }
    }
    return null
  }

  /** Refuses whoever did not bring the token. @returns null for a request that may pass */
  requireToken({ headers: { cookie } }: IncomingMessage): Refusal | null {
    const pairs = (cookie ?? '').split(';').map((pair) => pair.trim().split('='))
    const own = pairs.filter(([name]) => name === this.cookieName).map(([, ...value]) => value.join('='))
    if (own.some((value) => this.isToken(value))) return null
    return { status: 401, reason: 'Open the address that the program printed: it has a token at its end.' }
  }

  isToken(value: string): boolean {
    const [given, wanted] = [Buffer.from(value), Buffer.from(this.token)]
    return given.length === wanted.length && timingSafeEqual(given, wanted)
  }

  /** For browsers that came with the token. */
  get setCookie(): string {
    return `${this.cookieName}=${this.token}; HttpOnly; SameSite=Strict; Path=/`
  }
}
