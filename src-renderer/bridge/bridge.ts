import { inject, type InjectionKey } from 'vue'
import type { Client } from '../../src-main/contract/protocol/commands'

export type Connection = 'connecting' | 'connected' | 'lost'

/** How the interface reaches its host: the same for Electron and for a browser. */
export interface Bridge {
  client: Client
  /** Begins to deliver events after a number, in order. */
  connect(after: number): void
  onConnection(listener: (connection: Connection) => void): void
  /** Events were missed: a snapshot is needed. */
  onMissed(listener: () => void): void
  /** Where a dropped file lies; null where the host is not told. */
  pathOf(file: File): string | null
}

export const bridgeKey: InjectionKey<Bridge> = Symbol('bridge')

export function useBridge(): Bridge {
  const bridge = inject(bridgeKey)
  if (!bridge) throw new Error('No bridge is provided')
  return bridge
}
