import type { ClipSummary } from '../../../contract/evaluate/clip'
import type { ModelRole } from '../../../contract/evaluate/losses'
import type { Checkpoint } from '../../checkpoint/model/checkpoint'
import { preprocessForClip } from '../../diffusion/clip-image'
import type { GenerateRequest, Picture, Pipeline } from '../../diffusion/pipeline'
import type { ClipTokenizer } from '../../tokenizer/tokenizer'
import { loadTokenizer } from '../../tokenizer/vocabulary'
import { throwIfCancelled } from '../../cancel'
import type { Device } from '../../runtime/providers'
import type { Provider } from '../../runtime/session'
import { mean } from '../losses/bootstrap'
import { clipScore, loadClip, type ClipModel } from './clip-score'
import type { EvaluatedModel } from '../losses/evaluated-model'
import type { ChosenDomain } from '../data/splits'
import { pairedDifference, standardError } from '../compare/paired-difference'

/** What is drawn for every prompt. */
export interface ClipSettings extends Pick<GenerateRequest, 'steps' | 'guidance' | 'scheduler'> {
  /** Pictures of every prompt. */
  seeds: number
  /** The first seed; the others count up. */
  seed: number
}

export interface ClipOptions {
  signal?: AbortSignal
  onProgress?: (model: string, fraction: number) => void
}

/** Prompts of one domain. */
export interface ClipDomain {
  name: string
  prompts: readonly string[]
}

/** CLIP scores of a model's pictures, 0 … 100. */
export interface ModelClipScores {
  name: string
  role: ModelRole
  /** By domain, prompt and seed. */
  scores: number[][][]
}

/** The captions of pictures as prompts, each one once. @param most of each domain */
export function captionsOf(chosen: readonly ChosenDomain[], most = Infinity): ClipDomain[] {
  return chosen.map(({ name, pictures }) => ({
    name,
    prompts: [...new Set(pictures.map(({ picture }) => picture.caption))].slice(0, most),
  }))
}

type ScoredPicture = Pick<Picture, 'width' | 'height' | 'pixels'>

/** A CLIP model with the tokenizer that lies in its folder. */
export class ClipScorer {
  private constructor(
    private readonly clip: ClipModel,
    private readonly tokenizer: ClipTokenizer,
  ) {}

  /** @throws FusionError 'unsupported', 'not-found' (tokenizer files), 'malformed', 'device', 'out-of-memory' */
  static async load(checkpoint: Checkpoint, device: Device | Provider): Promise<ClipScorer> {
    const tokenizer = loadTokenizer(checkpoint.path)
    return new ClipScorer(await loadClip(checkpoint, device), tokenizer)
  }

  /** What CLIP sees in pictures: their embeddings, at unit length. */
  async embeddings(pictures: readonly ScoredPicture[]): Promise<Float32Array[]> {
    const { imageSize: edge, preprocessing } = this.clip
    const size = 3 * edge * edge
    const pixels = new Float32Array(pictures.length * size)
    pictures.forEach(({ width, height, pixels: data }, index) =>
      pixels.set(preprocessForClip({ width, height, channels: 3, data }, edge, preprocessing), index * size),
    )
    return (await this.clip.images(pixels, pictures.length, edge)).embeds
  }

  /** How well pictures fit one prompt. */
  async scores(pictures: readonly ScoredPicture[], prompt: string): Promise<number[]> {
    const embeds = await this.embeddings(pictures)
    const [text] = await this.clip.texts([this.tokenizer.encode(prompt)])
    return embeds.map((image) => clipScore(image, text!))
  }

  async release(): Promise<void> {
    await this.clip.release()
  }
}

/**
 * Draws every prompt with every seed on each model and scores the pictures; the same seeds for all.
 * @param pipeline loaded with `liveUnet`
 * @throws FusionError 'cancelled' between steps, and what Pipeline.generate throws
 */
export async function measureClipScores(
  pipeline: Pipeline,
  scorer: ClipScorer,
  models: readonly EvaluatedModel[],
  domains: readonly ClipDomain[],
  { seeds, seed, ...settings }: ClipSettings,
  { signal, onProgress }: ClipOptions = {},
): Promise<ModelClipScores[]> {
  const prompts = domains.reduce((sum, own) => sum + own.prompts.length, 0)
  const measured: ModelClipScores[] = []
  for (const [index, model] of models.entries()) {
    throwIfCancelled(signal)
    const prepared = await model.prepare(pipeline)
    try {
      let done = 0
      const scores: number[][][] = []
      for (const domain of domains) {
        const own: number[][] = []
        for (const prompt of domain.prompts) {
          const pictures = await prepared.generate(
            {
              ...settings,
              pictures: Array.from({ length: seeds }, (_, i) => ({ prompt, seed: seed + i })),
              ...pipeline.nativeSize,
            },
            signal ? { signal } : {},
          )
          own.push(await scorer.scores(pictures, prompt))
          onProgress?.(model.name, (index + ++done / prompts) / models.length)
        }
        scores.push(own)
      }
      measured.push({ name: model.name, role: model.role, scores })
    } finally {
      if (prepared !== pipeline) await prepared.release()
    }
  }
  return measured
}

/** Means with standard errors, and differences to the base on the same prompts and seeds. */
export function summariseClipScores(models: readonly ModelClipScores[]): ClipSummary[] {
  const base = models.find(({ role }) => role === 'base')
  const compare = (own: readonly number[][], reference: readonly number[][] | undefined) => {
    // Pictures of one prompt are alike: where there are several prompts, each one counts once.
    const units = (scores: readonly number[][]): number[] => (scores.length > 1 ? scores.map(mean) : scores.flat())
    const values = units(own)
    const isSeveral = values.length > 1
    const difference = reference && pairedDifference(values, units(reference))
    return {
      score: { value: mean(values), standardError: isSeveral ? standardError(values) : null },
      difference: difference
        ? { value: difference.mean, standardError: isSeveral ? difference.standardError : null }
        : null,
    }
  }
  return models.map((model) => {
    const reference = model === base ? undefined : base?.scores
    return {
      name: model.name,
      role: model.role,
      domains: model.scores.map((own, domain) => compare(own, reference?.[domain])),
      mean: compare(model.scores.flat(), reference?.flat()),
    }
  })
}
