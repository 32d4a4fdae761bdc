import { join } from 'node:path'
import { z } from 'zod'
import type { ComputeEvent } from '../../contract/protocol/compute'
import { readJsonFile, writeJsonFile } from '../files/json-file'

const KEPT = 20

const speedsSchema = z.record(
  z.string(),
  z.object({ secondsPerRun: z.number().positive(), secondsPerMerge: z.number().nonnegative() }),
)
type Speeds = z.infer<typeof speedsSchema>

/** How long drawing took with each base, for forecasts. */
export class DrawingSpeeds {
  private speeds: Speeds | null = null

  constructor(private readonly folder: string) {}

  /** @param base its path */
  async note(base: string, { readying, drawing, runs }: Extract<ComputeEvent, { type: 'drawn' }>): Promise<void> {
    if (runs === 0) return
    const speeds = await this.load()
    const { [base]: before, ...others } = speeds
    const now = { secondsPerRun: drawing / runs, secondsPerMerge: readying }
    // A loaded network makes the next merge fast: the last one tells most, one that had to load little.
    const secondsPerMerge = before ? Math.min(now.secondsPerMerge, 2 * before.secondsPerMerge) : now.secondsPerMerge
    const kept = Object.entries(others).slice(-KEPT)
    this.speeds = { ...Object.fromEntries(kept), [base]: { ...now, secondsPerMerge } }
    await writeJsonFile(this.file, this.speeds).catch(() => {
      // A forecast that is not kept is made again.
    })
  }

  /** Seconds of merges and runs of the UNet; null before anything was drawn with this base. */
  async forecast(base: string, { merges, runs }: { merges: number; runs: number }): Promise<number | null> {
    const speed = (await this.load())[base]
    return speed ? merges * speed.secondsPerMerge + runs * speed.secondsPerRun : null
  }

  private async load(): Promise<Speeds> {
    return (this.speeds ??= (await readJsonFile(this.file, speedsSchema)) ?? {})
  }

  private get file(): string {
    return join(this.folder, 'speeds.json')
  }
}
