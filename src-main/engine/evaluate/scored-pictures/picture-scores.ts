import { z } from 'zod'
import { SCORER_DESCRIPTIONS, type ScorerFiles, type ScorerName } from '../../../contract/evaluate/scores/scorers'
import { groupBy } from '../../../contract/values/group-by'
import { throwIfCancelled } from '../../cancel'
import { digest } from '../../files/kept/digest'
import { chooseDevice } from '../../runtime/providers'
import { keepingFailures } from '../measured/kept-failures'
import { measurementsIn, type KeptIn } from '../measured/kept-in'
import type { Measurements } from '../measured/measurements'
import { NotMeasured } from '../measured/not-measured'
import { loadScorer } from '../scores/load-scorer'
import type { PictureScorer, ScoredPicture, ScorerOptions } from '../scores/picture-scorer'
import { scorerKey } from './scorer-key'

/** A picture that can be scored. */
export interface Scorable {
  /** Of its file. */
  sha256: string
  /** For people. */
  name?: string
  /** null: only what needs none scores it. */
  prompt: string | null
  /** Reads it. */
  pixels(): Promise<ScoredPicture>
}

export interface ScoringOptions extends ScorerOptions, Pick<KeptIn, 'cacheFolder' | 'results'> {}

/** Pictures that are in memory together. */
const TOGETHER = 8

const storedSchema = z.object({ score: z.number() })

/** One scorer, loaded when a picture comes whose score is not kept, and every score that it gave, kept by picture and prompt. */
export class PictureScores {
  readonly #store: Measurements<z.infer<typeof storedSchema>>
  #scorer: PictureScorer | null = null

  private constructor(
    readonly name: ScorerName,
    private readonly files: ScorerFiles,
    private readonly options: ScoringOptions,
    private readonly key: string,
    private readonly load: typeof loadScorer,
  ) {
    this.#store = measurementsIn(options, storedSchema)
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
   * @throws FusionError 'cancelled' between pictures; NotMeasured where results are gathered; what loading and scoring
   *   throw, and reading a picture
   */
  async of(pictures: readonly Scorable[], onProgress?: (fraction: number) => void): Promise<(number | null)[]> {
    const scores: (number | null)[] = []
    const missing: (Scorable & { place: number })[] = []
    for (const [place, picture] of pictures.entries()) {
      const prompt = promptFor(this.name, picture)
      const kept = prompt === null ? null : await this.#store.find(this.#keyOf(picture, prompt))
      scores.push(kept && kept.score)
      if (prompt !== null && !kept) missing.push({ ...picture, place })
    }
    let done = scores.length - missing.length
    for (const batch of batchesOf(this.name, missing)) {
      throwIfCancelled(this.options.signal)
      const found = await this.#score(batch, promptFor(this.name, batch[0]!)!)
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
    const wanted = pictures.map((picture) => ({
      key: this.#keyOf(picture, prompt),
      unit: `${this.name} of ${picture.name ?? picture.sha256}`,
    }))
    return keepingFailures(this.options, wanted, async () => {
      if (this.options.results?.isOnlyRead) throw new NotMeasured()
      const pixels: ScoredPicture[] = []
      for (const picture of pictures) pixels.push(await picture.pixels())
      this.#scorer ??= await this.load(this.name, this.files, this.options)
      const scores = await this.#scorer.scores(pixels, prompt)
      for (const [index, { key, unit }] of wanted.entries())
        await this.#store.keep(key, { score: scores[index]! }, unit)
      return scores
    })
  }

  #keyOf({ sha256 }: Scorable, prompt: string): string {
    return digest(['score', this.key, sha256, prompt])
  }
}

/** What a scorer reads as the prompt: nothing where it plays no part. */
function promptFor(name: ScorerName, { prompt }: Pick<Scorable, 'prompt'>): string | null {
  return SCORER_DESCRIPTIONS[name].ignoresPrompt ? '' : prompt
}

/** Pictures as a scorer sees them: those of one prompt, a few at a time; those that it cannot score are left out. */
export function batchesOf<Picture extends Pick<Scorable, 'prompt'>>(
  name: ScorerName,
  pictures: readonly Picture[],
): Picture[][] {
  const scorable = pictures.filter((picture) => promptFor(name, picture) !== null)
  return [...groupBy(scorable, (picture) => promptFor(name, picture)).values()].flatMap((own) =>
    Array.from({ length: Math.ceil(own.length / TOGETHER) }, (_, at) => own.slice(at * TOGETHER, (at + 1) * TOGETHER)),
  )
}
