import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InvalidArgumentError, type Command } from 'commander'
import { version } from '../../../package.json'
import type { ForkCompute } from '../../app/jobs/compute-supervisor'
import { cacheFolder, dataFolder } from '../folders'
import { collect } from '../options/option-values'
import { EXIT, runCommand, type CommonOptions } from '../output/output'

interface ServeCommandOptions extends CommonOptions {
  port: number
  address: string
  allowNetwork?: boolean
  allow: string[]
  data?: string
  demo?: boolean
}

/** What the server needs of the built program. */
export interface ServedFiles {
  /** Where the built entries lie. */
  builtFolder: URL
  demoFolder: string
  /** How the compute process is started where this binary does not run as Node. */
  fork?: ForkCompute
}

/** `featurefusion serve`: the same program in a browser. */
export function addServeCommand(program: Command, { builtFolder, demoFolder, fork }: ServedFiles): void {
  const at = (path: string): string => fileURLToPath(new URL(path, builtFolder))
  program
    .command('serve')
    .description('run the program for a browser; prints the URL with its token on one line')
    .option('--port <n>', 'port; 0: any free one', portNumber, 0)
    .option('--address <ip>', 'address to listen on', '127.0.0.1')
    .option('--allow-network', 'allow an --address that other machines can reach')
    .option('--allow <dir>', 'folder that may be used; can be given more than once', collect, [])
    .option('--data <dir>', 'folder for project, settings and pictures; every running program needs one of its own')
    .option('--demo', 'open the demo project, unless there is unsaved work')
    .action((options: ServeCommandOptions) =>
      runCommand(options, async (signal) => {
        // Only this command needs a server.
        const { runServe } = await import('../../server/serve')
        const places = {
          rendererFolder: at('../renderer'),
          computeFile: at('./compute-process.js'),
          demoFolder,
          dataFolder: options.data === undefined ? dataFolder() : resolve(options.data),
          cacheFolder: cacheFolder(),
          ...(fork && { fork }),
        }
        const network = options.allowNetwork === true
        await runServe({ ...options, ...places, network, version }, signal)
        // Everything is written: a device that is still being tried, or a file being read, is not waited for.
        process.exit(EXIT.done)
      }),
    )
}

function portNumber(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new InvalidArgumentError('A port is a number from 0 to 65535.')
  return port
}
