import { z } from 'zod'
import type { Recognition, RecognitionSettings } from '../../../contract/evaluate/scores/recognition'
import { drawingRuns } from '../../../contract/preview'
import type { ModelRole } from '../../../contract/evaluate/losses'
import { openModel } from '../../merge/open-model'
import type { Pipeline } from '../../diffusion/pipeline'
import type { Provider } from '../../runtime/session'
import { digest } from '../../files/kept/digest'
import { ClipScorer } from '../clip/clip-scorer'
import type { EvaluationSet } from '../data/evaluation-set'
import type { ChosenDomain } from '../data/splits'
import type { DrawingModel, DrawnPictures } from '../drawn/drawn-pictures'
import type { FileIdentity } from '../file-identity'
import { drawnPicturesIn, measurementsIn, type KeptIn } from '../measured/kept-in'
import { MeasurementStore } from '../measured/measurement-store'
import type { Measurements } from '../measured/measurements'
import { promptsOfDomains, recognise, type DrawingSettings, type Nearest } from './recognition-meter'
import { summariseRecognition } from './recognition-summary'
import { clipFeatures, latentFeatures, referencesOf, type PictureFeatures } from './reference-pictures'

/** Part of every key: other arithmetic is another key. */
const FORMAT = 1

const storedSchema = z.object({ nearest: z.array(z.number().int().nonnegative().nullable()) })
type StoredNearest = z.infer<typeof storedSchema>

/** How models draw, and what their pictures are compared by. */
export interface RecogniserSettings {
  drawing: DrawingSettings
  /** Folder of a CLIP model; null: pictures are compared by their latents. */
  clip: string | null
}

/** What models draw, judged one after the other and kept, batch by batch. */
export class Recogniser {
  readonly #store: Measurements<StoredNearest>
  /** Of models that have not drawn all yet. */
  readonly #begun: MeasurementStore<StoredNearest>
  readonly #chosen: readonly ChosenDomain[]
  readonly #prompts: readonly { domain: string; caption: string }[]
  readonly #drawn: DrawnPictures
  #features: PictureFeatures | null = null
  #scorer: ClipScorer | null = null

  /** @param chosen the pictures that drawn ones are compared with; their captions are the prompts */
  constructor(
    private readonly settings: RecogniserSettings,
    chosen: readonly ChosenDomain[],
    keptIn: KeptIn,
  ) {
    this.#chosen = chosen
    this.#prompts = promptsOfDomains(chosen, settings.drawing)
    this.#store = measurementsIn(keptIn, storedSchema)
    this.#begun = new MeasurementStore(keptIn.cacheFolder, storedSchema)
    this.#drawn = drawnPicturesIn(keptIn)
  }

  /** Runs of the UNet on one picture that a model takes. */
  get runs(): number {
    return drawingRuns(this.pictures, this.settings.drawing)
  }

  /** Pictures that each model draws. */
  get pictures(): number {
    return this.#prompts.length * this.settings.drawing.seeds
  }

  /** The key of what a model draws. @param losses the key of its losses on the same pictures (lossKeyOf) */
  async keyOf(losses: string, identity: FileIdentity): Promise<string> {
    const { drawing, clip } = this.settings
    const seen = clip === null ? null : await identity.model(clip)
    return digest([FORMAT, losses, drawing, clip === null ? null : identity.path(clip), seen])
  }

  /** What is kept of a model's pictures; all of them where it had drawn to its end. */
  async find(key: string): Promise<{ nearest: Nearest; isWhole: boolean }> {
    const nearest = ((await this.#store.find(key)) ?? (await this.#begun.find(key)))?.nearest ?? []
    return { nearest, isWhole: nearest.length === this.pictures }
  }

  /**
   * Draws what is not kept of a model's pictures, and judges it.
   * @param model its VAE is the one that made the references' latents
   * @param key of what it draws (keyOf)
   * @throws what recognise throws, and loading a CLIP model
   */
  async measure(
    model: DrawingModel & { name: string },
    set: EvaluationSet,
    key: string,
    provider: Provider,
    onProgress: (fraction: number) => void,
    signal?: AbortSignal,
  ): Promise<Nearest> {
    const features = await this.#featuresOf(model.pipeline, set, provider)
    const { nearest: known } = await this.find(key)
    return recognise(model, this.#prompts, features, this.settings.drawing, known, {
      ...(signal && { signal }),
      onJudged: async (nearest) => {
        const store: Measurements<StoredNearest> = nearest.length === this.pictures ? this.#store : this.#begun
        await store.keep(key, { nearest: [...nearest] }, `what ${model.name} draws`)
        onProgress(nearest.length / this.pictures)
      },
    })
  }

  /** What the models' pictures say. */
  summarise(models: readonly { name: string; role: ModelRole; nearest: Nearest }[]): Recognition {
    const { seed: _seed, scheduler: _scheduler, ...settings } = this.settings.drawing
    const references = referencesOf(this.#chosen)
    return {
      by: this.settings.clip === null ? 'latents' : 'clip',
      settings: settings satisfies RecognitionSettings,
      domains: this.#chosen.map(({ name }) => ({
        name,
        prompts: this.#prompts.filter(({ domain }) => domain === name).length,
      })),
      references: references.length,
      models: models.map((model) =>
        summariseRecognition({ prompts: this.#prompts, seeds: settings.seeds, references }, model),
      ),
    }
  }

  async release(): Promise<void> {
    await this.#scorer?.release()
    this.#scorer = null
    this.#features = null
  }

  async #featuresOf(pipeline: Pipeline, set: EvaluationSet, provider: Provider): Promise<PictureFeatures> {
    const { clip } = this.settings
    if (clip === null) return (this.#features ??= latentFeatures(set, this.#chosen))
    this.#scorer ??= await ClipScorer.load(await openModel(clip), provider)
    return (this.#features ??= await clipFeatures(pipeline, this.#scorer, set, this.#chosen, (...request) =>
      this.#drawnBy(...request),
    ))
  }

  async #drawnBy(...[model, pictures, settings, signal]: Parameters<PictureFeatures['draw']>) {
    const kept = await this.#drawn.draw(model, pictures, settings, { signal })
    return Promise.all(kept.map((picture) => this.#drawn.pixels(picture)))
  }
}
