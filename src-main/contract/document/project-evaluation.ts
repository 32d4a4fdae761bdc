import type { EvaluationResults } from '../evaluate/results'
import type { FoundWeights, SearchStrategy } from '../evaluate/search'
import type { Project } from './project'

/** The project with weights that a search found; what a greedy search found is a plain average of whole models. */
export function withFoundWeights<P extends Pick<Project, 'models' | 'method'>>(
  project: P,
  strategy: SearchStrategy,
  found: readonly FoundWeights[],
): P {
  const isGreedy = strategy !== 'cma-es'
  const models = project.models.map((model) => {
    const own = found.find(({ name }) => name === model.name)
    if (!own) return model
    const { weight, blocks, layers } = own
    return { ...model, weight, blocks, ...((isGreedy || layers.length > 0) && { layers }) }
  })
  return { ...project, models, ...(isGreedy && { method: { ...project.method, name: 'soup' as const, gains: [] } }) }
}

/** What decides a result's figures: equal where nothing that matters has changed. */
export function evaluationKey(
  project: Pick<Project, 'models' | 'prediction' | 'ema' | 'method' | 'output' | 'evaluation'>,
  of: keyof EvaluationResults = 'table',
): string {
  const { models, prediction, ema, method, output, evaluation } = project
  const { rows, pictures, scores, scorers, draws, recognition, scales, methods, ...data } = evaluation
  const used = { ...data, pictures }
  const drawn = draws ? { recognition, clip: scorers.clip } : {}
  const table = { ...used, rows }
  const settings = {
    table: { ...table, ...drawn },
    comparison: { ...used, ...drawn, scales, methods },
    search: used,
    drift: data,
    scores: { ...table, scores, scorers },
  }[of]
  const { include, dtype, vae } = output
  const parts = [models.map(({ sha256: _hash, ...model }) => model), method, { include, dtype, vae }, settings]
  const said = ema === undefined ? [prediction] : [prediction, ema]
  return JSON.stringify(said.every((word) => word === undefined) ? parts : [...parts, ...said])
}
