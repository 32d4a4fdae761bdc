import type { Client, CommandOutput } from '../../src-main/contract/protocol/commands'
import type { DesktopApi } from '../../src-main/contract/protocol/wire'
import type { Bridge } from './bridge'
import { valueOf } from './reply'

/** The bridge over the preload script's API. */
export function createElectronBridge(api: DesktopApi): Bridge {
  const client: Client = {
    async invoke(command, input) {
      // Vue's reactive objects cannot be cloned across processes; as JSON they are what HTTP sends.
      return valueOf(await api.invoke(command, JSON.parse(JSON.stringify(input)))) as CommandOutput<typeof command>
    },
    on: (listener) => api.on(listener),
  }
  return {
    client,
    // Electron delivers every event from the start, and the session leaves out what its snapshot has.
    connect: () => undefined,
    onConnection: (listener) => listener('connected'),
    onMissed: () => undefined,
    pathOf: (file) => api.pathOf(file) || null,
  }
}
