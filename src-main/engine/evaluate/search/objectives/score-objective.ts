import { throwIfCancelled } from '../../../cancel'
import { picturesTogether, type Picture, type Pipeline } from '../../../diffusion/pipeline'
import type { PromptDomain } from '../../data/prompt-domains'
import type { DrawnSettings } from '../../drawn/drawn-pictures'
import { groupBy } from '../../../../contract/values/group-by'
import type { PictureScorer } from '../../scores/picture-scorer'
import type { Objective } from './objective'

/** What is drawn for every prompt, by every model alike. */
export interface ScoredDrawing {
  seeds: number
  /** The first one; the others count up. */
  seed: number
  settings: DrawnSettings
}

/** What judges pictures: one scorer, or a sum of several. */
type Judge = Pick<PictureScorer, 'scores'>

/**
 * A score of pictures that are drawn for prompts, negated, since less is better: a unit is a prompt with one seed. Every
 * domain counts the same.
 * @param load called with every model that is measured
 */
export function scoreObjective(
  load: () => Promise<{ pipeline: Pipeline; scorer: Judge }>,
  domains: readonly PromptDomain[],
  { seeds, seed, settings }: ScoredDrawing,
  signal?: AbortSignal,
): Objective {
  const requests = domains.map(({ prompts }) =>
    prompts.flatMap((prompt) => Array.from({ length: seeds }, (_, i) => ({ prompt, seed: seed + i }))),
  )
  return {
    strata: domains.map(({ name, prompts }) => ({
      aim: 'score',
      domain: name,
      weight: 1 / domains.length,
      clusters: prompts.flatMap((_, cluster) => Array<number>(seeds).fill(cluster)),
    })),
    async open(model) {
      const { pipeline, scorer } = await load()
      const together = picturesTogether(pipeline.nativeSize, pipeline.parts.vae.config)
      const prepared = await model.prepare(pipeline)
      return {
        async values(units) {
          const wanted = units.map(({ stratum, place }) => requests[stratum]![place]!)
          const values = new Float64Array(units.length)
          for (let first = 0; first < wanted.length; first += together) {
            throwIfCancelled(signal)
            const pictures = wanted.slice(first, first + together)
            const request = { ...settings, ...prepared.nativeSize, pictures }
            const drawn = await prepared.generate(request, signal ? { signal } : {})
            const scores = await scoresOf(
              scorer,
              drawn,
              pictures.map(({ prompt }) => prompt),
            )
            scores.forEach((score, index) => (values[first + index] = -score))
          }
          return values
        },
        async release() {
          if (prepared !== pipeline) await prepared.release()
        },
      }
    },
  }
}

/** Scores of pictures by the prompt of each, in their order. */
async function scoresOf(scorer: Judge, drawn: readonly Picture[], prompts: readonly string[]): Promise<Float64Array> {
  const scores = new Float64Array(drawn.length)
  for (const [prompt, places] of groupBy(prompts.keys(), (place) => prompts[place]!)) {
    const own = await scorer.scores(
      places.map((place) => drawn[place]!),
      prompt,
    )
    places.forEach((place, index) => (scores[place] = own[index]!))
  }
  return scores
}
