import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MergePlan } from '../merge/plan/merge-plan'
import { longestPhase } from '../merge/prepare'
import { runMerge } from '../merge/run'
import type { ProviderStatus } from '../runtime/providers'

export interface WritingTools {
  device: ProviderStatus
  cacheFolder: string
  clipVocabulary: string
  workerFile?: URL
  threads?: number
  signal?: AbortSignal
}

/** A merge that is not a linear combination, written as its export would be; one at a time. */
export class WrittenMerge {
  #folder: string | null = null
  #written: { plan: string; path: string } | null = null

  constructor(private readonly tools: WritingTools) {}

  /** @returns where it lies until the next one is written, or this is removed @throws what runMerge throws */
  async write(plan: MergePlan, onMerging: (fraction: number) => void): Promise<string> {
    const { device, cacheFolder, workerFile, clipVocabulary, threads, signal } = this.tools
    const wanted = JSON.stringify(plan.project)
    if (this.#written?.plan === wanted) return this.#written.path
    this.#folder ??= await mkdtemp(join(tmpdir(), 'featurefusion-evaluate-'))
    this.#written = null
    const { path } = await runMerge(plan, {
      path: join(this.#folder, plan.output.folder ? 'merge' : 'merge.safetensors'),
      overwrite: true,
      provider: device.provider,
      cacheFolder,
      clipVocabulary,
      ...(workerFile && { workerFile }),
      ...(threads !== undefined && { threads }),
      ...(signal && { signal }),
      onProgress: (phase, fraction) => {
        if (phase === longestPhase(plan)) onMerging(fraction)
      },
    })
    this.#written = { plan: wanted, path }
    return path
  }

  async remove(): Promise<void> {
    if (this.#folder !== null) await rm(this.#folder, { recursive: true, force: true })
  }
}
