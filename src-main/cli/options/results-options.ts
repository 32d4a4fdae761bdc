import type { Command } from 'commander'
import { ResultLines } from '../../engine/evaluate/measured/result-lines'
import { chooseDevice, type Device, type ProviderStatus } from '../../engine/runtime/providers'
import { shareName, type Share } from '../../engine/shares/share'
import { say, UsageError } from '../output/output'
import { shareOf } from './share-option'

/** Files that hold the result of all, of commands that have such options. */
interface ResultFiles {
  csv?: string
  png?: string
}

export interface ResultsOptions {
  results?: string
  /** true: the job array says which one of how many. */
  share?: string | true
  gather?: boolean
}

/** A folder of results that several processes or machines fill, and what this one does with it. */
export interface SharedResults {
  lines: ResultLines
  /** null: the results of all shares are wanted. */
  share: Share | null
  /** Whether what is missing is named, and not measured. */
  gathers: boolean
}

/**
 * The device that networks run on. Where results are gathered none run, and it is the name of what the shares ran on.
 * @throws FusionError 'device' where networks are to run on it and cannot
 */
export async function deviceFor(device: Device, results: ResultLines | undefined): Promise<ProviderStatus> {
  return results?.isOnlyRead && device !== 'auto' ? { provider: device, available: true } : chooseDevice(device)
}

/** The file of what is measured where the results of all shares are wanted. */
const REST = 'rest'

/**
 * Options of commands that several processes or machines can do in shares.
 * @param share what a share does, in words
 */
export function addResultsOptions(
  command: Command,
  share = 'only measure share I of N, and keep it in --results',
): Command {
  return command
    .option(
      '--results <dir>',
      'folder of results that several machines fill; without --share: measure what is missing there, and print the result of all',
    )
    .option(
      '--share [i/n]',
      `${share}; in a job array of Slurm, or an indexed job of Kubernetes with N, the job says which`,
    )
    .option('--gather', 'print the result of all shares in --results, or name what is missing; measure nothing')
}

/**
 * Opens the folder of results; null where none is named.
 * @throws UsageError, and what ResultLines.open throws
 */
export async function openResults({
  results,
  share,
  gather,
  csv,
  png,
}: ResultsOptions & ResultFiles): Promise<SharedResults | null> {
  if (results === undefined) {
    if (share !== undefined || gather) throw new UsageError('--share and --gather go with --results DIR.')
    return null
  }
  if (share !== undefined && gather) throw new UsageError('--gather is for all shares: remove --share.')
  if (share !== undefined && (csv !== undefined || png !== undefined))
    throw new UsageError(
      '--csv and --png are written of the result of all shares: remove them from the shares.',
      'Give them with --gather, once all shares are done.',
    )
  const own = share === undefined ? null : shareOf(share === true ? undefined : share)
  const lines = await ResultLines.open(results, own ? shareName(own) : REST, gather === true)
  for (const note of lines.notes) say(`Note: ${note}`)
  return { lines, share: own, gathers: gather === true }
}
