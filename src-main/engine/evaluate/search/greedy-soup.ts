import { sum } from '../../../contract/values/sum'
import { bestFirst, Trials, type SearchOptions, type SearchResult, type TrialScorer } from './weight-trials'

/** Whether every model takes part once at most, with equal shares, or may be added again for a larger one. */
export const GREEDY_FORMS = ['once', 'repeated'] as const
export type GreedyForm = (typeof GREEDY_FORMS)[number]

export interface GreedyOptions extends SearchOptions {
  /** Parts of a soup of the repeated form; three for each model if absent. */
  mostParts?: number
}

export interface GreedySoup extends SearchResult {
  /** Models by their own score, best first: the order of the visits. */
  order: number[]
  /** How often each model is in the soup; its share is that over the sum. */
  parts: number[]
}

/**
 * Diffusion Soup's greedy search (its section 4.2, after Model soups): models are visited in the order of their own
 * score, and one is kept when the soup's score does not get worse. The repeated form goes on visiting all models in
 * that order, for as long as adding one more part of a model makes the soup better. The models alone but the first are
 * one round of trials; each visit depends on those before it, and is one of its own.
 * @param models how many there are; the score gets their shares, which sum to 1
 * @throws FusionError 'cancelled' where it was stopped before the first trial; what the score throws
 */
export async function greedySoup(
  models: number,
  form: GreedyForm,
  score: TrialScorer,
  { mostParts = 3 * models, ...options }: GreedyOptions = {},
): Promise<GreedySoup> {
  const trials = new Trials(score, options)
  const none = Array<number>(models).fill(0)
  let order: number[] = []
  let parts = none
  const search = async (): Promise<void> => {
    const alone = [...none.keys()].map((model) => sharesOf(added(none, model)))
    // The first is what the others race against.
    const own = [...(await trials.run(alone.slice(0, 1))), ...(await trials.run(alone.slice(1)))]
    const [first, ...others] = bestFirst(own.map(({ score }, model) => ({ model, score })))
    order = [first!, ...others].map(({ model }) => model)
    parts = added(none, first!.model)
    let reached = first!.score
    const visit = async (model: number, isBetter: (value: number) => boolean): Promise<boolean> => {
      const wider = added(parts, model)
      const [trial] = await trials.run([sharesOf(wider)])
      const { score: value } = trial!
      if (!isBetter(value)) return false
      parts = wider
      reached = value
      return true
    }
    for (const { model } of others) await visit(model, (value) => value <= reached)
    for (let again = form === 'repeated'; again;) {
      again = false
      for (const model of order)
        if (sum(parts) < mostParts) again = (await visit(model, (value) => value < reached)) || again
    }
  }
  const result = await trials.collect(search, () => (parts === none ? null : sharesOf(parts)))
  if (parts === none) parts = result.best.weights.map(Math.ceil) // stopped before the first visit: one model alone
  return { ...result, order, parts }
}

function added(parts: readonly number[], model: number): number[] {
  return parts.map((count, index) => (index === model ? count + 1 : count))
}

function sharesOf(parts: readonly number[]): number[] {
  const all = sum(parts)
  return parts.map((count) => count / all)
}
