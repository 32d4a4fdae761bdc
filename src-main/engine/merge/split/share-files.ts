import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { readSharedJson, writeCheckedJson } from '../../files/kept/checked-json'
import { SHARED } from '../../files/writing/permissions'
import { PROVIDERS } from '../../runtime/session'
import { shareName, shareOfName, type Share } from '../../shares/share'

/** In the folder of a plan: what shares note, and what those write that are written apart. */
export const SHARES = 'shares'
/** Beside the plan: what all shares on one file system write, each its own bytes. */
export const COMMON = 'output'
const JOURNAL = '.journal'
const DONE = '.json'
const APART = '.part'
const PACKED = '.data'
const KEY = 'share of a merge'

/** What is said of a share when all of it is done. */
export const doneShareSchema = z.object({
  share: z.object({ index: z.number(), count: z.number() }),
  /** Where its bytes were computed; null for merges that need no ONNX Runtime. */
  runtime: z.object({ onnxruntime: z.string(), provider: z.enum(PROVIDERS), processor: z.string() }).nullable(),
  /** Whether its bytes are in a file of their own. */
  isPacked: z.boolean(),
  bytes: z.number(),
  seconds: z.number(),
})
export type DoneShare = z.infer<typeof doneShareSchema>

/** The files of one share in the folder of a plan. */
export class ShareFiles {
  private readonly stem: string

  constructor(
    private readonly folder: string,
    readonly share: Share,
  ) {
    this.stem = join(folder, SHARES, shareName(share))
  }

  /** The folder of what all shares note. */
  get sharesFolder(): string {
    return join(this.folder, SHARES)
  }

  /** Where the data of all shares lie. */
  get commonPath(): string {
    return join(this.folder, COMMON)
  }

  /** Where a share's data lie while it is written apart from the others. */
  get apartPath(): string {
    return `${this.stem}${APART}`
  }

  /** A share's bytes one after the other, in the order of its journal. */
  get packedPath(): string {
    return `${this.stem}${PACKED}`
  }

  get journalPath(): string {
    return `${this.stem}${JOURNAL}`
  }

  /** What is said of it when it is done; null before, and where that is damaged. @throws FusionError 'unreadable' */
  done(): Promise<DoneShare | null> {
    return readSharedJson(`${this.stem}${DONE}`, KEY, doneShareSchema)
  }

  async sayDone(done: DoneShare): Promise<void> {
    await writeCheckedJson(`${this.stem}${DONE}`, KEY, done, SHARED)
  }

  /** To begin anew: its bytes among the others' stay, and are written again. */
  async remove(): Promise<void> {
    for (const ending of [DONE, JOURNAL, PACKED]) await rm(`${this.stem}${ending}`, { force: true })
    await rm(this.apartPath, { recursive: true, force: true })
  }
}

/** What lies in the folder of a plan: its shares, begun or done, and names that are none of a share. */
export async function findShares(folder: string): Promise<{ shares: Share[]; others: string[] }> {
  const names = await readdir(join(folder, SHARES)).catch(() => [])
  const shares = new Map<string, Share>()
  const others: string[] = []
  for (const name of names.sort()) {
    const ending = [JOURNAL, DONE, APART, PACKED].find((one) => name.endsWith(one))
    const share = ending === undefined ? null : shareOfName(name.slice(0, -ending.length))
    if (share) shares.set(shareName(share), share)
    else if (!name.startsWith('.')) others.push(name)
  }
  return { shares: [...shares.values()].sort((a, b) => a.index - b.index || a.count - b.count), others }
}

/** Folders that shares write and `removeShares` removes. */
export function foldersOfShares(folder: string): string[] {
  return [SHARES, COMMON].map((name) => join(folder, name))
}

/** Removes what shares have written; the plan stays. */
export async function removeShares(folder: string): Promise<void> {
  for (const each of foldersOfShares(folder)) await rm(each, { recursive: true, force: true })
}
