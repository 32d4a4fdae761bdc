import { isOfScores, LOSS_ALONE } from '../../../contract/evaluate/search/aims'
import type {
  FoundWeights,
  Grouping,
  SearchReport,
  SearchStrategy,
  SearchWork,
} from '../../../contract/evaluate/search/search'
import { scorerFilesSchema } from '../../../contract/evaluate/scores/scorers'
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
import { searchWeights } from './weight-search'
import { MeasuredHalves, type BothHalves } from './measured-halves'
import { searchKey } from './search-key'
import type { MergeSearchOptions } from './search-options'
import { verdictOf } from './verdict'
import { MEASURED_HERE } from './parts/parts-meter'
import { PartsInStep, type Waiting } from './parts/parts-in-step'
import { gainedBlocks, gainSpace } from './spaces/gain-space'
import type { SearchSpace } from './spaces/search-space'
import { groupsOf, weightSpace } from './spaces/weight-space'
import type { Trial, TrialScorer, WeightCheck } from './weight-trials'
import { valueOf, type Objective, type UnitValues } from './objectives/objective'
import { aimedObjective, type MeasuringTools } from './objectives/aimed-objective'
import { SummedScorers } from './objectives/summed-scorers'
import { spreadsOf } from './race/looks'
import { Race } from './race/race'
import { RacedScore } from './race/raced-score'
import { denoiserName } from '../../checkpoint/denoisers'

/** What a search has to tell while it runs. Scores are negated in all that it says, since less is better. */
export interface MergeSearchNews {
  onProgress?: (phase: string, fraction: number) => void
  /** Called once, with what the result is compared with. */
  onStart?: (start: Pick<SearchReport, 'pictures' | 'base' | 'soup'>) => void
  /** Called with every trial, and with its weights where it is the best so far. */
  onTrial?: (trial: Trial, models: FoundWeights[] | null) => void
  /** Called again and again while results of other shares are waited for. */
  onWaiting?: (waiting: Waiting) => void
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
  const { aims = LOSS_ALONE, scores = null, shared = null, rounds = 'trial' } = options
  // What is gathered needs no network.
  const scorers = shared?.gathers
    ? null
    : await SummedScorers.load(aims, scores?.files ?? scorerFilesSchema.parse({}), run.scoring)
  try {
    return await searchFor(run, project, { ...options, aims, scores, shared, rounds, scorers }, news, signal)
  } finally {
    await scorers?.release()
  }
}

async function searchFor(
  run: EvaluationRun,
  project: Project,
  options: Required<MergeSearchOptions> & { scorers: SummedScorers | null },
  { onProgress, onStart, onTrial, onWaiting }: MergeSearchNews,
  signal?: AbortSignal,
): Promise<FoundMerge> {
  const { strategy, trials, groups: grouping, seed, race, rounds, aims, scores, shared, scorers } = options
  const searched = await searchedProject(project, strategy)
  const models = searched.models
  const plan = await planMerge(searched, { signal })
  checkSearchable(plan)
  if (run.domains.some(({ pictures }) => pictures.length < 2))
    throw new FusionError('validation', 'A search needs at least two pictures of every domain.', {
      hint: 'One half is for the search, the other half for the check.',
    })
  const load = () => run.load((phase, fraction) => onProgress?.(phase, 0.05 * fraction))
  const [search, unseen] = halves(run.domains)
  const objectiveOf = (half: typeof search): Objective => {
    const toolsOf = async (): Promise<MeasuringTools> => {
      const { chosen, ...tools } = await load()
      return { ...tools, chosen: halves(chosen)[half === search ? 0 : 1], scorers }
    }
    return aimedObjective(aims, toolsOf, { timesteps: run.timesteps, chosen: half }, scores, signal)
  }
  const meter = shared
    ? new PartsInStep(shared, await searchKey(run, searched, options), signal, onWaiting)
    : MEASURED_HERE
  const measured = new MeasuredHalves({ search: objectiveOf(search), check: objectiveOf(unseen) }, meter)
  const { search: choosing, check: judging } = measured.objectives
  const cancel = signal ? { signal } : {}

  const mergeOf = (weighed: readonly ModelEntry[], method = searched.method): EvaluatedModel => ({
    name: 'trial',
    role: 'merge',
    prepare: async (pipeline) => {
      const made = await planMerge({ ...searched, method, models: [...weighed] })
      const { live } = await load()
      await live.feed(made, { ...cancel, onContributions: (part) => onProgress?.('contributions', 0.05 + 0.1 * part) })
      return pipeline
    },
  })
  const isGreedy = strategy !== 'cma-es'
  const space = spaceOf(plan, models, isGreedy ? 'all' : grouping)
  const compared = comparedMerge(plan, models)
  const ofCompared = () => Promise.resolve(mergeOf(compared.models, compared.method))
  const [base, average] = (await measured.onBoth([
    { name: 'the base', of: 'base', model: () => run.baseModel() },
    { name: compared.words, of: 'compared', model: ofCompared },
  ])) as [BothHalves, BothHalves]
  const both = (values: BothHalves) => ({
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
    meter,
  )
  const score: TrialScorer = (round) => raced.scores(round)
  let checked: UnitValues = average.check
  const check: WeightCheck = async (wanted) => {
    const values = await measured.valuesOf(
      wanted.map((flat, index) => ({
        half: 'check',
        name: index === 0 ? 'the first weights' : 'the best weights',
        of: flat,
        model: () => Promise.resolve(mergeOf(space.modelsOf(flat))),
      })),
    )
    checked = values.at(-1)!
    return values.map((own) => valueOf(judging.strata, own))
  }
  const expected = isGreedy ? models.length * 3 : trials
  const following = {
    ...cancel,
    check,
    onTrial: (trial: Trial) => {
      onProgress?.('trying weights', 0.15 + 0.85 * Math.min(1, (trial.index + 1) / expected))
      onTrial?.(trial, trial.isBest ? foundOf(trial.weights) : null)
    },
  }
  const result = isGreedy
    ? await greedySoup(models.length, strategy === 'greedy-once' ? 'once' : 'repeated', score, following)
    : await searchWeights(space.start, score, {
        ...following,
        trials,
        seed,
        spread: space.spread,
        ...(race && rounds === 'trial' && { together: 1 }),
      })
  return {
    best: { score: result.best.score, models: foundOf(result.best.weights) },
    check:
      result.check &&
      verdictOf(result.check, judging.strata, checked, base.check, average.check, compared, isOfScores(aims)),
    trials: result.trials.length,
    stopped: result.stopped,
    work: raced.work,
  }
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
