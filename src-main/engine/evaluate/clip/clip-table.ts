import type { ClipSummary } from '../../../contract/evaluate/clip'
import type { ModelRole } from '../../../contract/evaluate/losses'
import type { GenerateRequest, Pipeline } from '../../diffusion/pipeline'
import { throwIfCancelled } from '../../cancel'
import { mean } from '../losses/bootstrap'
import type { ClipScorer } from './clip-scorer'
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
