import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

const MERGES = 'featurefusion-merges'
const TILES = 'featurefusion-tiles'
/** What this program makes and may remove, by names that nobody else gives; nothing else in there is touched. */
const PARTS = [MERGES, TILES] as const

/** Results that can be computed again, in a folder that the person may choose. */
export class Cache {
  constructor(readonly folder: string) {}

  get merges(): string {
    return join(this.folder, MERGES)
  }

  get tiles(): string {
    return join(this.folder, TILES)
  }

  async size(): Promise<number> {
    return (await this.items()).reduce((sum, { bytes }) => sum + bytes, 0)
  }

  async clear(): Promise<void> {
    for (const part of PARTS) await rm(join(this.folder, part), { recursive: true, force: true })
  }

  /** Removes what was not used for longest until the rest fits. */
  async trim(limitBytes: number): Promise<void> {
    const items = (await this.items()).sort((a, b) => a.time - b.time)
    let total = items.reduce((sum, { bytes }) => sum + bytes, 0)
    for (const { path, bytes } of items) {
      if (total <= limitBytes) return
      await rm(path, { recursive: true, force: true })
      total -= bytes
    }
  }

  private async items(): Promise<{ path: string; bytes: number; time: number }[]> {
    const paths = await Promise.all(PARTS.map((part) => entriesOf(join(this.folder, part))))
    return Promise.all(
      paths.flat().map(async (path) => ({ path, bytes: await bytesBelow(path), time: (await stat(path)).mtimeMs })),
    )
  }
}

async function entriesOf(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.map((name) => join(folder, name))
}

async function bytesBelow(path: string): Promise<number> {
  const found = await stat(path)
  if (!found.isDirectory()) return found.size
  const sizes = await Promise.all((await entriesOf(path)).map(bytesBelow))
  return sizes.reduce((sum, size) => sum + size, 0)
}
