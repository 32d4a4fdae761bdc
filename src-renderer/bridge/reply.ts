import { FusionError } from '../../src-main/contract/errors'
import type { Reply } from '../../src-main/contract/protocol/wire'

/** @throws FusionError what the host answered */
export function valueOf(reply: Reply): unknown {
  if (reply.ok) return reply.value
  throw new FusionError(reply.error.kind, reply.error.message, reply.error)
}
