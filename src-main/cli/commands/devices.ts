import type { Command } from 'commander'
import { probeProviders } from '../../engine/runtime/providers'
import { printResult, runCommand, type CommonOptions } from '../output/output'

/** `featurefusion devices`: execution providers, tried one by one. */
export function addDevicesCommand(program: Command): void {
  program
    .command('devices')
    .description('test the execution providers: which ones work, and why the others do not')
    .option('--json', 'results as JSON')
    .action((options: CommonOptions) =>
      runCommand(options, async () => {
        const statuses = await probeProviders()
        printResult(options, statuses, () =>
          statuses
            .map(({ provider, available, reason, deviceName }) =>
              available
                ? `${provider}: works${deviceName ? ` (${deviceName})` : ''}`
                : `${provider}: not used: ${reason ?? ''}`,
            )
            .join('\n'),
        )
      }),
    )
}
