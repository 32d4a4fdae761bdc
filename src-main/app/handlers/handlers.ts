import type { z } from 'zod'
import type { CommandName, CommandOutput, Commands } from '../../contract/protocol/commands'

/** What a handler gets: the input as the schema leaves it, defaults filled in. */
export type HandlerInput<C extends CommandName> = z.output<Commands[C]['input']>

export type Handlers<Names extends CommandName = CommandName> = {
  readonly [C in Names]: (input: HandlerInput<C>) => Promise<CommandOutput<C>> | CommandOutput<C>
}

/** The commands of one group: 'project' has 'project.open', 'project.save' … */
export type Group<Prefix extends string> = Extract<CommandName, `${Prefix}.${string}`>
