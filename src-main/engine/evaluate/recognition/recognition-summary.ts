import type { Confusion, RecognisedModel } from '../../../contract/evaluate/scores/recognition'
import type { Estimate, ModelRole } from '../../../contract/evaluate/losses'
import { mean, meanOfEstimates } from '../losses/bootstrap'
import type { Nearest } from './recognition-meter'
import type { ReferencePicture } from './reference-pictures'

/** The 97.5 % quantile of the normal distribution: of intervals of 95 %. */
const Z = 1.959964

/** What models drew. */
export interface DrawnPictures {
  /** Captions that were drawn, in the order of their domains. */
  prompts: readonly ReferencePicture[]
  /** Pictures of each caption. */
  seeds: number
  references: readonly ReferencePicture[]
}

/**
 * How much of what a model drew is recognised: the share of pictures that are nearest to a reference of their own caption
 * (several references may have it), by domain and of all domains alike, and which captions were drawn as which.
 */
export function summariseRecognition(
  { prompts, seeds, references }: DrawnPictures,
  { name, role, nearest }: { name: string; role: ModelRole; nearest: Nearest },
): RecognisedModel {
  const isOwn = (prompt: ReferencePicture, place: number | null): boolean =>
    place !== null && references[place]!.caption === prompt.caption
  const drawn = prompts.map((prompt, index) => ({
    prompt,
    nearest: nearest.slice(index * seeds, (index + 1) * seeds),
  }))
  const domains = [...new Set(prompts.map(({ domain }) => domain))].map((domain) =>
    shareWithInterval(
      drawn
        .filter(({ prompt }) => prompt.domain === domain)
        .map((own) => mean(own.nearest.map((place) => Number(isOwn(own.prompt, place))))),
    ),
  )
  const confusions = new Map<string, Confusion>()
  for (const { prompt, nearest: places } of drawn)
    for (const place of places.filter((each) => !isOwn(prompt, each))) {
      const as = place === null ? null : references[place]!
      const key = JSON.stringify([prompt, as])
      const before = confusions.get(key)?.pictures ?? 0
      confusions.set(key, { ...prompt, as, pictures: before + 1 })
    }
  return {
    name,
    role,
    domains,
    mean: meanOfEstimates(domains),
    confusions: [...confusions.values()].sort((a, b) => b.pictures - a.pictures),
  }
}

/**
 * A share of captions with Wilson's score interval of 95 %. A bootstrap over pictures would say that 0 of 12 is 0 for all
 * other captions as well. Pictures of one caption are alike, so the captions are what is counted.
 * @param shares of each caption's pictures
 */
export function shareWithInterval(shares: readonly number[]): Estimate {
  const count = shares.length
  const value = mean(shares)
  if (count < 2) return { value, interval: null }
  const centre = (value + Z ** 2 / (2 * count)) / (1 + Z ** 2 / count)
  const half = (Z / (1 + Z ** 2 / count)) * Math.sqrt((value * (1 - value)) / count + Z ** 2 / (4 * count ** 2))
  return { value, interval: { low: Math.max(0, centre - half), high: Math.min(1, centre + half) } }
}
