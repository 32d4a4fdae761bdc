import { freemem, totalmem } from 'node:os'
import { probeProviders } from '../../engine/runtime/providers'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

export function deviceHandlers({ settings }: Studio): Handlers<Group<'devices'>> {
  return {
    'devices.list': async ({ again }) => ({
      providers: await probeProviders({ again }),
      chosen: settings.value.device,
      totalMemoryBytes: totalmem(),
      freeMemoryBytes: freemem(),
    }),
  }
}
