import { z } from 'zod'
import { SCORER_DESCRIPTIONS, type ScorerFiles, type ScorerName } from '../../../contract/evaluate/scorers'
import { throwIfCancelled } from '../../cancel'
import { digest } from '../../files/kept/digest'
import { chooseDevice } from '../../runtime/providers'
import { MeasurementStore } from '../losses/loss-store'
import { loadScorer } from '../scores/load-scorer'
import type { PictureScorer, ScoredPicture, ScorerOptions } from '../scores/picture-scorer'
import { scorerKey } from './scorer-key'

/** A picture that can be scored. */
export interface Scorable {
  /** Of its file. */
  sha256: string
  /** null: only what needs none scores it. */
  prompt: string | null
  /** Reads it. */
  pixels(): Promise<ScoredPicture>
}

export interface ScoringOptions extends ScorerOptions {
  cacheFolder: string
}

/** Pictures that are in memory together. */
const TOGETHER = 8

const storedSchema = z.object({ score: z.number() })

/** One scorer, loaded when a picture comes whose score is not kept, and every score that it gave, kept by picture and prompt. */
export class PictureScores {
  readonly #store: MeasurementStore<z.infer<typeof storedSchema>>
  #scorer: PictureScorer | null = null

  private constructor(
    readonly name: ScorerName,
    private readonly files: ScorerFiles,
    private readonly options: ScoringOptions,
    private readonly key: string,
    private readonly load: typeof loadScorer,
  ) {
    this.#store = new MeasurementStore(options.cacheFolder, storedSchema)
  }

  /**
   * Opens a scorer; its weights are read when they are needed. Release it before another one is opened.
   * @param load for tests
   * @throws FusionError what scorerKey throws
   */
  static async open(
    name: ScorerName,
    files: ScorerFiles,
    options: ScoringOptions,
    load: typeof loadScorer = loadScorer,
  ): Promise<PictureScores> {
    const { cacheFolder, signal } = options
    const { provider } = await chooseDevice(options.device)
    const key = await scorerKey(name, files, { provider, cacheFolder, ...(signal && { signal }) })
    return new PictureScores(name, files, options, key, load)
  }

  /**
   * Scores of pictures, in their order; null for a picture without a prompt, where the scorer needs one.
   * @param onProgress hears of the part that is done
   * @throws FusionError 'cancelled' between pictures; what loading and scoring throw, and reading a picture
   */
  async of(pictures: readonly Scorable[], onProgress?: (fraction: number) => void): Promise<(number | null)[]> {
    const scores: (number | null)[] = []
    const missing = new Map<string, (Scorable & { place: number })[]>()
    for (const [place, picture] of pictures.entries()) {
      const prompt = this.#promptOf(picture)
      const kept = prompt === null ? null : await this.#store.find(this.#keyOf(picture, prompt))
      scores.push(kept && kept.score)
      if (prompt !== null && !kept) missing.set(prompt, [...(missing.get(prompt) ?? []), { ...picture, place }])
    }
    const known = scores.length - [...missing.values()].flat().length
    let done = known
    for (const [prompt, own] of missing)
      for (let first = 0; first < own.length; first += TOGETHER) {
        throwIfCancelled(this.options.signal)
        const batch = own.slice(first, first + TOGETHER)
        const found = await this.#score(batch, prompt)
        batch.forEach(({ place }, index) => (scores[place] = found[index]!))
        onProgress?.((done += batch.length) / scores.length)
      }
    return scores
  }

  async release(): Promise<void> {
    await this.#scorer?.release()
    this.#scorer = null
  }

  async #score(pictures: readonly Scorable[], prompt: string): Promise<number[]> {
    const pixels: ScoredPicture[] = []
    for (const picture of pictures) pixels.push(await picture.pixels())
    this.#scorer ??= await this.load(this.name, this.files, this.options)
    const scores = await this.#scorer.scores(pixels, prompt)
    for (const [index, picture] of pictures.entries())
      await this.#store.keep(this.#keyOf(picture, prompt), { score: scores[index]! })
    return scores
  }

  /** What the scorer reads as the prompt: nothing where it plays no part. */
  #promptOf({ prompt }: Scorable): string | null {
    return SCORER_DESCRIPTIONS[this.name].ignoresPrompt ? '' : prompt
  }

  #keyOf({ sha256 }: Scorable, prompt: string): string {
    return digest(['score', this.key, sha256, prompt])
  }
}
