import { z } from 'zod'
import { COMMANDS, type CommandName } from '../contract/protocol/commands'
import { FusionError, toErrorReport } from '../contract/errors'
import type { Reply } from '../contract/protocol/wire'
import type { Handlers } from './handlers/handlers'
import { createHandlers } from './handlers/index'
import type { Studio } from './studio'

const MAX_DETAIL = 2000

/** Answers one command, whatever it is and whatever comes with it. */
export type Dispatch = (command: unknown, input: unknown) => Promise<Reply>

/** The commands of a studio; faults of the program itself go to its log. */
export function createDispatch(studio: Studio): Dispatch {
  const handlers = createHandlers(studio)
  return async (command, input) => {
    const reply = await dispatch(handlers, command, input)
    if (!reply.ok && reply.error.kind === 'internal') {
      studio.log.add('error', `${String(command)}: ${reply.error.message}`, reply.error.detail)
    }
    return reply
  }
}

/** Answers any command with any input; whatever is wrong with it comes back as an error, never as a throw. */
async function dispatch(handlers: Handlers, name: unknown, input: unknown): Promise<Reply> {
  try {
    return { ok: true, value: await answer(handlers, name, input) }
  } catch (error) {
    return { ok: false, error: toErrorReport(error) }
  }
}

async function answer(handlers: Handlers, name: unknown, input: unknown): Promise<unknown> {
  if (!isCommandName(name)) throw new FusionError('validation', `There is no command ${String(name).slice(0, 100)}.`)
  const parsed = COMMANDS[name].input.safeParse(input)
  if (!parsed.success) {
    throw new FusionError('validation', `The input of ${name} is not what it takes.`, {
      detail: z.prettifyError(parsed.error).slice(0, MAX_DETAIL),
    })
  }
  const handler = handlers[name] as (valid: unknown) => unknown
  return (await handler(parsed.data)) ?? {}
}

function isCommandName(name: unknown): name is CommandName {
  return typeof name === 'string' && Object.hasOwn(COMMANDS, name)
}
