import type { EvaluationResults } from '../evaluate/results'
import { LOSS_ALONE, scorerOf, type Aim } from '../evaluate/search/aims'
import type { FoundWeights, SearchReport, SearchStrategy } from '../evaluate/search/search'
import { DENOISER_COMPONENTS } from '../values/denoisers'
import { methodSchema, takingPart, type ModelEntry, type Project } from './project'

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

/** The project with what a search found: weights, or gains in place of its own. */
export function withFound<P extends Pick<Project, 'models' | 'method'>>(
  project: P,
  { space, strategy }: Pick<SearchReport, 'space' | 'strategy'>,
  found: readonly FoundWeights[],
): P {
  if (space === 'weights') return withFoundWeights(project, strategy, found)
  return { ...project, method: { ...project.method, gains: found.flatMap(({ layers }) => layers) } }
}

/** What a search for gains measures: one model, whose layers are scaled, in the network of the project's base. */
export function gainedProject(project: Project, scaled: ModelEntry): Project {
  const [base] = takingPart(project.models)
  return {
    ...project,
    models: [{ ...base!, weight: 1, blocks: {}, layers: [] }, scaled],
    method: methodSchema.parse({ name: 'gains' }),
    output: { ...project.output, include: [...DENOISER_COMPONENTS] },
  }
}

/** What decides a result's figures: equal where nothing that matters has changed. @param aims of a search */
export function evaluationKey(
  project: Pick<Project, 'models' | 'prediction' | 'ema' | 'method' | 'output' | 'evaluation'>,
  of: keyof EvaluationResults = 'table',
  aims: readonly Aim[] = LOSS_ALONE,
): string {
  const { models, prediction, ema, method, output, evaluation } = project
  const { rows, pictures, scores, scorers, draws, recognition, scales, methods, ...data } = evaluation
  const used = { ...data, pictures }
  const drawn = draws ? { recognition, clip: scorers.clip } : {}
  const table = { ...used, rows }
  const settings = {
    table: { ...table, ...drawn },
    comparison: { ...used, ...drawn, scales, methods },
    search: aims.every((aim) => scorerOf(aim) === null) ? used : { ...used, scores, scorers, aims },
    drift: data,
    scores: { ...table, scores, scorers },
    methodScores: { ...used, scales, methods, scores, scorers },
  }[of]
  const { include, dtype, vae } = output
  const parts = [models.map(({ sha256: _hash, ...model }) => model), method, { include, dtype, vae }, settings]
  const said = ema === undefined ? [prediction] : [prediction, ema]
  return JSON.stringify(said.every((word) => word === undefined) ? parts : [...parts, ...said])
}
