import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { HASHES_FILE } from '../engine/checkpoint/hash'
import { DRAWN_FOLDER } from '../engine/evaluate/drawn/drawn-pictures'
import { LATENTS_FOLDER } from '../engine/evaluate/data/latent-cache'
import { LOSSES_FOLDER } from '../engine/evaluate/measured/measurement-store'
import { LIBRARY_FILE } from '../engine/library/facts-cache'
import { makePrivate } from '../engine/files/writing/permissions'
import { cacheBytes, CONTRIBUTIONS_FOLDER, trimCache } from '../engine/merge/contributions/cache-space'

const MERGES = 'featurefusion-merges'
const TILES = 'featurefusion-tiles'
const LIVE = 'featurefusion-live'
const CARDS = 'featurefusion-cards'
const CALIBRATIONS = 'featurefusion-calibrations'
/** What this program makes and may remove, by names that nobody else gives; nothing else in there is touched. */
const PARTS = [MERGES, TILES, LIVE, CARDS, CONTRIBUTIONS_FOLDER, LOSSES_FOLDER, DRAWN_FOLDER] as const

/** Results that can be computed again, in a folder that the person may choose. */
export class Cache {
  constructor(readonly folder: string) {}

  get merges(): string {
    return join(this.folder, MERGES)
  }

  get tiles(): string {
    return join(this.folder, TILES)
  }

  /** Pictures of live previews. */
  get live(): string {
    return join(this.folder, LIVE)
  }

  /** Small pictures of models, for their cards. */
  get cards(): string {
    return join(this.folder, CARDS)
  }

  /** What models saw, where nobody chose another place. */
  get calibrations(): string {
    return join(this.folder, CALIBRATIONS)
  }

  /** What headers of the model library told. */
  private get library(): string {
    return join(this.folder, LIBRARY_FILE)
  }

  /** Takes what versions before left readable for everybody. */
  makePrivate(): void {
    for (const part of [...this.all, join(this.folder, LATENTS_FOLDER), join(this.folder, HASHES_FILE), this.library])
      makePrivate(part)
  }

  async size(): Promise<number> {
    return cacheBytes(this.all)
  }

  async clear(): Promise<void> {
    for (const part of this.all) await rm(part, { recursive: true, force: true })
  }

  /**
   * Removes what was not used for longest until the rest fits; what may be in use stays. So do calibrations: any project
   * may name one, and another one takes hours.
   */
  async trim(limitBytes: number): Promise<void> {
    await trimCache(this.parts, limitBytes)
  }

  private get parts(): string[] {
    return PARTS.map((part) => join(this.folder, part))
  }

  private get all(): string[] {
    return [...this.parts, this.calibrations]
  }
}
