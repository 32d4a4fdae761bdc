import type { CommandInput, CommandName, CommandOutput } from '../src-main/contract/commands'
import { API_PATH, type Reply } from '../src-main/contract/wire'

/** The cookie of somebody who opened the address that `serve` printed, with its token. */
export function cookieOf(address: URL): string {
  return `featurefusion-${address.port}=${address.searchParams.get('token')}`
}

/** A command to a running `serve`, as the interface sends it. @throws the error that it answers */
export async function sendCommand<C extends CommandName>(
  address: URL,
  name: C,
  input: CommandInput<C>,
): Promise<CommandOutput<C>> {
  const answer = await fetch(new URL(API_PATH + name, address), {
    method: 'POST',
    headers: { cookie: cookieOf(address), 'content-type': 'application/json' },
    body: JSON.stringify(input),
  })
  const reply = (await answer.json()) as Reply
  if (reply.ok) return reply.value as CommandOutput<C>
  throw Object.assign(new Error(reply.error.message), reply.error)
}
