import { isOfScores, LOSS_ALONE, type Aim } from '../../../contract/evaluate/aims'
import type { PairedLosses } from '../../../contract/evaluate/losses'
import type {
  FoundWeights,
  Grouping,
  SearchReport,
  SearchStrategy,
  SearchWork,
} from '../../../contract/evaluate/search'
import { scorerFilesSchema } from '../../../contract/evaluate/scorers'
import { FusionError } from '../../../contract/errors'
import { weighsBase } from '../../../contract/methods/descriptor'
import { methodSchema, takingPart, type ModelEntry, type Project } from '../../../contract/document/project'
import { reasonAgainstFeeding } from '../../merge/live-merge'
import { planMerge } from '../../merge/open-model'
import type { MergePlan } from '../../merge/plan/merge-plan'
import { effectiveGains, withEffectiveRules } from '../../merge/plan/rules'
import type { EvaluatedModel } from '../losses/evaluated-model'
import type { EvaluationRun } from '../evaluation-run'
import { greedySoup } from './greedy-soup'
import { countPictures, halves } from '../data/splits'
import { differenceInWords, exceedsTwoErrors } from '../compare/paired-difference'
import { searchWeights } from './weight-search'
import { gainedBlocks, gainSpace } from './spaces/gain-space'
import type { SearchSpace } from './spaces/search-space'
import { groupsOf, weightSpace } from './spaces/weight-space'
import type { Trial, TrialScorer, WeightScore } from './weight-trials'
import {
  measureAll,
  pairedValues,
  valueOf,
  type Objective,
  type Stratum,
  type UnitValues,
} from './objectives/objective'
import { aimedObjective, type AimedScores } from './objectives/aimed-objective'
import { SummedScorers } from './objectives/summed-scorers'
import { spreadsOf } from './race/looks'
import { Race } from './race/race'
import { RacedScore } from './race/raced-score'
import { denoiserName } from '../../checkpoint/denoisers'

export interface MergeSearchOptions {
  strategy: SearchStrategy
  trials: number
  /** What of a model shares a weight; CMA-ES alone. */
  groups: Grouping
  seed: number
  /** Trials that are certainly worse end early. */
  race: boolean
  /** What the weights are to be best at, each once; the loss if absent. */
  aims?: readonly Aim[]
  /** Where an aim is a score: whose captions are drawn, and where the scorers lie. */
  scores?: AimedScores | null
}

/** What a search has to tell while it runs. Scores are negated in all that it says, since less is better. */
export interface MergeSearchNews {
  onProgress?: (phase: string, fraction: number) => void
  /** Called once, with what the result is compared with. */
  onStart?: (start: Pick<SearchReport, 'pictures' | 'base' | 'soup'>) => void
  /** Called with every trial, and with its weights where it is the best so far. */
  onTrial?: (trial: Trial, models: FoundWeights[] | null) => void
}

export interface FoundMerge {
  best: { score: number; models: FoundWeights[] }
  /** On pictures that the search never saw; null where it was stopped. */
  check: SearchReport['check']
  trials: number
  stopped: boolean
  /** Of the trials: what their race spared. */
  work: SearchWork
}

/**
 * Searches weights of a project's merge on one half of the pictures, and says what they are worth on the other. Greedy
 * strategies are soups of whole models (the base is one of them); CMA-ES searches the project's own method.
 * @throws FusionError 'validation' where the method's weights cannot be changed in memory, or a domain has fewer than two
 *   pictures; 'cancelled' before the first trial; what merging and measuring throw
 */
export async function searchMerge(
  run: EvaluationRun,
  project: Project,
  options: MergeSearchOptions,
  news: MergeSearchNews,
  signal?: AbortSignal,
): Promise<FoundMerge> {
  const { aims = LOSS_ALONE, scores = null } = options
  const scorers = await SummedScorers.load(aims, scores?.files ?? scorerFilesSchema.parse({}), run.scoring)
  try {
    return await searchFor(run, project, { ...options, aims, scores, scorers }, news, signal)
  } finally {
    await scorers?.release()
  }
}

async function searchFor(
  run: EvaluationRun,
  project: Project,
  {
    strategy,
    trials,
    groups: grouping,
    seed,
    race,
    aims,
    scores,
    scorers,
  }: Required<MergeSearchOptions> & { scorers: SummedScorers | null },
  { onProgress, onStart, onTrial }: MergeSearchNews,
  signal?: AbortSignal,
): Promise<FoundMerge> {
  const searched = await searchedProject(project, strategy)
  const models = searched.models
  const plan = await planMerge(searched, { signal })
  checkSearchable(plan)
  if (run.domains.some(({ pictures }) => pictures.length < 2))
    throw new FusionError('validation', 'A search needs at least two pictures of every domain.', {
      hint: 'One half is for the search, the other half for the check.',
    })
  const { pipeline, live, meter, set, chosen } = await run.load((phase, fraction) =>
    onProgress?.(phase, 0.05 * fraction),
  )
  const [search, unseen] = halves(chosen)
  const tools = { pipeline, meter, set, scoring: run.scoring }
  const objectiveOf = (half: typeof search): Objective => aimedObjective(aims, tools, half, scorers, scores)
  const [choosing, judging] = [objectiveOf(search), objectiveOf(unseen)]
  const cancel = signal ? { signal } : {}

  const mergeOf = (weighed: readonly ModelEntry[], method = searched.method): EvaluatedModel => ({
    name: 'trial',
    role: 'merge',
    prepare: async (pipeline) => {
      const made = await planMerge({ ...searched, method, models: [...weighed] })
      await live.feed(made, { ...cancel, onContributions: (part) => onProgress?.('contributions', 0.05 + 0.1 * part) })
      return pipeline
    },
  })
  const isGreedy = strategy !== 'cma-es'
  const space = spaceOf(plan, models, isGreedy ? 'all' : grouping)
  const compared = comparedMerge(plan, models)
  const onBoth = async (model: EvaluatedModel) => ({
    search: await measureAll(choosing, model),
    check: await measureAll(judging, model),
  })
  const base = await onBoth(await run.baseModel())
  const average = await onBoth(mergeOf(compared.models, compared.method))
  const both = (values: typeof base) => ({
    search: valueOf(choosing.strata, values.search),
    check: valueOf(judging.strata, values.check),
  })
  onStart?.({
    pictures: { search: countPictures(search), check: countPictures(unseen) },
    base: both(base),
    soup: both(average),
  })

  const foundOf = (flat: readonly number[]): FoundWeights[] =>
    space.modelsOf(flat).map(({ name, weight, blocks, layers }) => ({
      ...{ name, weight, blocks },
      layers: plan.method.name === 'gains' ? layers : [],
    }))
  const raced = new RacedScore(
    choosing.strata,
    (flat) => choosing.open(mergeOf(space.modelsOf(flat))),
    race ? new Race(choosing.strata, spreadsOf(average.search, base.search), seed) : null,
  )
  const score: TrialScorer = (flat) => raced.score(flat)
  let checked: UnitValues = average.check
  const check: WeightScore = async (flat) => {
    checked = await measureAll(judging, mergeOf(space.modelsOf(flat)))
    return valueOf(judging.strata, checked)
  }
  const expected = isGreedy ? models.length * 3 : trials
  const options = {
    ...cancel,
    check,
    onTrial: (trial: Trial) => {
      onProgress?.('trying weights', 0.15 + 0.85 * Math.min(1, (trial.index + 1) / expected))
      onTrial?.(trial, trial.isBest ? foundOf(trial.weights) : null)
    },
  }
  const result = isGreedy
    ? await greedySoup(models.length, strategy === 'greedy-once' ? 'once' : 'repeated', score, options)
    : await searchWeights(space.start, score, { ...options, trials, seed, spread: space.spread })
  return {
    best: { score: result.best.score, models: foundOf(result.best.weights) },
    check:
      result.check &&
      judge(result.check, judging.strata, checked, base.check, average.check, compared, isOfScores(aims)),
    trials: result.trials.length,
    stopped: result.stopped,
    work: raced.work,
  }
}

/**
 * What the weights found are worth. @param found @param base @param average their losses on the unseen pictures
 * @param isNegated of scores alone: differences are told as they are
 */
function judge(
  check: { start: number; best: number },
  strata: readonly Stratum[],
  found: UnitValues,
  base: UnitValues,
  average: UnitValues,
  { words: averageInWords, found: noun }: Pick<ReturnType<typeof comparedMerge>, 'words' | 'found'>,
  isNegated: boolean,
): NonNullable<SearchReport['check']> {
  const [againstBase, againstSoup] = [pairedValues(strata, found, base), pairedValues(strata, found, average)]
  const against = (difference: PairedLosses, name: string): string => {
    const relation = difference.mean < 0 ? 'better than' : 'worse than'
    return `${exceedsTwoErrors(difference) ? relation : 'not measurably different from'} ${name} (${differenceInWords(isNegated ? negated(difference) : difference)})`
  }
  const words = `On pictures that the search did not use, these ${noun} are ${against(againstSoup, averageInWords)}, and ${against(againstBase, 'the base alone')}.`
  const fits =
    check.best < check.start
      ? ''
      : check.best === check.start
        ? ` No better ${noun} than the first ones were found.`
        : ` They only fit the pictures of the search: the first ${noun} are better.`
  return { ...check, againstBase, againstSoup, verdict: words + fits }
}

function negated({ mean, relative, ...others }: PairedLosses): PairedLosses {
  return { ...others, mean: -mean, relative: -relative }
}

/** What is searched: weights, or the gains of one model's blocks where the method scales them. */
function spaceOf(plan: MergePlan, models: readonly ModelEntry[], grouping: Grouping): SearchSpace {
  const groups = groupsOf(grouping, plan.blocks)
  if (plan.method.name === 'gains')
    return gainSpace(models, gainedBlocks(plan, grouping === 'all' ? [plan.blocks] : groups))
  return weightSpace(models, weighsBase(plan.method) ? models : models.slice(1), groups)
}

/** What the result is compared with beside the base: the plain average, or the model whose gains are searched as it is. */
function comparedMerge({ method, project }: MergePlan, models: readonly ModelEntry[]) {
  const equal = models.map((model) => ({ ...model, weight: 1, blocks: {}, layers: [] }))
  if (method.name === 'gains')
    return { models: equal, method: project.method, words: 'the merge without gains', found: 'gains' }
  const soup = methodSchema.parse({ name: 'soup', align: project.method.align })
  return { models: equal, method: soup, words: 'the plain average', found: 'weights' }
}

/** The merge that a search re-weights: contributions are kept, dropped models stay out. */
async function searchedProject(project: Project, strategy: SearchStrategy): Promise<Project> {
  const enabled = takingPart(project.models)
  const plan = await planMerge({ ...project, models: enabled })
  // Rules for parts that a search leaves alone would be refused.
  const parts = { ...plan, components: [denoiserName(plan.base)] }
  const models = enabled.map((model) => withEffectiveRules(model, parts, project.method))
  const reused = { ...project, models, output: { ...project.output, include: parts.components } }
  if (strategy === 'cma-es')
    return { ...reused, method: { ...project.method, gains: effectiveGains(parts, project.method), reuse: true } }
  const whole = models.map((model) => ({ ...model, blocks: {}, layers: [] }))
  return { ...reused, models: whole, method: methodSchema.parse({ name: 'soup', align: project.method.align }) }
}

function checkSearchable(plan: MergePlan): void {
  if (plan.models.length < 2)
    throw new FusionError('validation', 'There are no specialists whose weights could be searched.', {
      hint: 'Add a specialist, or switch one on.',
    })
  if (reasonAgainstFeeding(plan) !== null || plan.method.name === 'zipit')
    throw new FusionError('unsupported', `Weights of ${plan.method.title} cannot be tried in memory.`, {
      hint: 'Search them with another method, or use a greedy soup.',
    })
}
