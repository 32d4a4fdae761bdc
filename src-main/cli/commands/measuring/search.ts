import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { FusionError } from '../../../contract/errors'
import { PROJECT_FILE, PROJECT_SUFFIX, writeProject } from '../../../project/project-file'
import {
  GROUPINGS,
  RACE_ROUNDS,
  SEARCH_SPACES,
  SEARCH_STRATEGIES,
  type Grouping,
  type RaceRound,
  type SearchReport,
  type SearchSpaceName,
  type SearchStrategy,
} from '../../../contract/evaluate/search/search'
import { gainedProject, withFound, withFoundWeights } from '../../../contract/document/project-evaluation'
import { aimedText, aimsInWords, LOSS_ALONE, scorerOf, type Aim } from '../../../contract/evaluate/search/aims'
import { scoreSettingsSchema } from '../../../contract/evaluate/settings'
import { searchMerge, type FoundMerge } from '../../../engine/evaluate/search/search-merge'
import type { Trial } from '../../../engine/evaluate/search/weight-trials'
import { shareInWords, type Share } from '../../../engine/shares/share'
import { checkOutput } from '../../../engine/files/writing/write-output'
import {
  addEvaluationOptions,
  evaluatedProject,
  withRun,
  type EvaluationOptions,
} from '../../options/evaluation-options'
import { modelSchema, takingPart, type Project } from '../../../contract/document/project'
import type { ProgramFiles } from '../merging/merge'
import { aimsOf } from '../../options/aims-option'
import { count, number, steps } from '../../options/option-values'
import { addResultsOptions, openResults, type ResultsOptions } from '../../options/results-options'
import { sayGathered } from '../../output/shared-output'
import { waitedFor, WaitingWords } from '../../output/waiting-output'
import { addScorerOptions, scorerFilesOf, type ScorerOptions } from '../../options/scorer-options'
import { printResult, runCommand, say, table, UsageError } from '../../output/output'

interface SearchOptions extends EvaluationOptions, ScorerOptions, ResultsOptions {
  strategy: SearchStrategy
  trials: number
  space: SearchSpaceName
  groupBy?: Grouping
  race: boolean
  rounds: RaceRound
  aim: Aim[]
  prompts?: number
  seeds: number
  steps: number
  guidance: number
  scheduler?: string
  out?: string
  overwrite?: boolean
}

const SCORES = scoreSettingsSchema.parse({})

/** What the result is compared with. */
type Start = Pick<SearchReport, 'pictures' | 'base' | 'soup'>

/** `featurefusion search`: weights chosen on one half of the pictures, and what they are worth on the other. */
export function addSearchCommand(program: Command, files: ProgramFiles): void {
  const command = program
    .command('search [project]')
    .summary('find weights for a merge on one half of the pictures, and check them on the other')
    .description(
      'find weights for a merge. The search uses every second picture of each domain (the first, third …); its result is then measured on the others. Ctrl+C ends the search and keeps the best weights so far.',
    )
    .addOption(
      new Option(
        '--strategy <name>',
        "cma-es: weights of the project's own method; greedy-once, greedy-repeated: a plain average of the models that help, each once or more often",
      )
        .choices(SEARCH_STRATEGIES)
        .default('cma-es'),
    )
    .option('--trials <n>', 'weights that CMA-ES tries', count, 100)
    .addOption(
      new Option(
        '--space <name>',
        'what is searched: weights; gains: a scale for what every block adds, of the merge that the project file makes, or of the one specialist',
      )
        .choices(SEARCH_SPACES)
        .default('weights'),
    )
    .addOption(
      new Option(
        '--group-by <name>',
        'what shares a weight of a model: all of it, each of its stages (BASE, IN, M, OUT), or every block (CMA-ES; default: all; of gains: blocks)',
      ).choices(GROUPINGS),
    )
    .addOption(
      new Option(
        '--aim <what>',
        "what the weights are to be best at: loss; a score (clip, image-reward, pick-score, hps, aesthetic) of drawn captions; or a sum, 'loss=1,clip=0.02' or 'pick-score=1,image-reward=2', where scores count against a loss, each in its own units",
      )
        .argParser(aimsOf)
        .default([...LOSS_ALONE], 'loss'),
    )
    .addOption(
      new Option(
        '--rounds <of>',
        'what of CMA-ES races at once: a trial, against all before it, which spares most; a generation of candidates, which --share can divide',
      )
        .choices(RACE_ROUNDS)
        .default('trial'),
    )
    .option('--no-race', 'measure every trial on all pictures, those that are certainly worse as well')
    .option('--out <file>', `write the project with the weights found (*${PROJECT_SUFFIX}), for featurefusion merge`)
    .option('--overwrite', 'replace a project at --out; nothing else is replaced')
  addScorerOptions(command)
  command
    .option('--prompts <n>', 'for scores: at most so many captions of each domain in each half (default: all)', count)
    .option('--seeds <n>', 'for scores: drawn pictures per caption', count, 1)
    .option('--steps <n>', 'for scores: denoising steps', steps, SCORES.steps)
    .option('--guidance <number>', 'for scores: guidance scale', number, SCORES.guidance)
    .option('--scheduler <name>', "for scores: scheduler (default: the model's own)")
  addResultsOptions(
    command,
    'measure share I of N of what does not depend on each other (the candidates of CMA-ES, the models of a soup), keep it in --results, and wait for the other shares; all must run at the same time, and all print the result',
  )
  addEvaluationOptions(command)
  command.action((path: string | undefined, options: SearchOptions) =>
    runCommand(options, (signal) => search(path, options, files, signal)),
  )
}

async function search(
  path: string | undefined,
  options: SearchOptions,
  files: ProgramFiles,
  signal: AbortSignal,
): Promise<void> {
  const { strategy, trials, space, race, rounds, seed = 0, out, overwrite = false } = options
  const told = (value: number): string => aimedText(value, options.aim)
  if (trials < 2) throw new UsageError('--trials: at least 2.')
  const groups = options.groupBy ?? (space === 'gains' ? 'blocks' : 'all')
  if (space === 'gains' && strategy !== 'cma-es') throw new UsageError('--space gains goes with --strategy cma-es.')
  if (groups !== 'all' && strategy !== 'cma-es') throw new UsageError('--group-by goes with --strategy cma-es.')
  if (options.share !== undefined && strategy === 'cma-es' && race && rounds === 'trial')
    throw new UsageError(
      '--share: trials that race one after the other cannot be shared out.',
      'Add --rounds generation (or --no-race) for every share; the result is the same for any number of shares.',
    )
  if (out !== undefined && !out.endsWith(PROJECT_SUFFIX))
    throw new UsageError(`--out ${out}: a project's file ends with ${PROJECT_SUFFIX}.`)
  const given = await evaluatedProject(path, options)
  const project = space === 'gains' ? scaledProject(given, path) : given
  // A project keeps the gains of its merge itself; those of a specialist need a merge that scales it.
  const withResult = (models: FoundMerge['best']['models']): Project =>
    path === undefined || given === project
      ? withFoundWeights(project, strategy, models)
      : withFound(given, { space, strategy }, models)
  if (out !== undefined) await checkOutput(out, { kind: PROJECT_FILE, overwrite })
  const shared = await openResults(options)
  // Shares may all name one file, and they find the same: one of them writes it.
  const written = (shared?.share?.index ?? 1) === 1 ? out : undefined
  const results = shared?.lines
  await withRun(project, { ...options, results }, files, signal, async (run, progress) => {
    const waiting = shared && new WaitingWords(shared.lines)
    let reached = 0
    let start: Start = { pictures: null, base: null, soup: null }
    const history: Trial[] = []
    const found = await searchMerge(
      run,
      project,
      { strategy, trials, groups, race, rounds, seed, aims: options.aim, scores: scoresOf(options, seed), shared },
      {
        onProgress: (phase, fraction) => {
          reached = fraction
          progress.show(phase, fraction)
        },
        onWaiting: (news) => {
          progress.show(`waiting for ${waitedFor(news)}`, reached)
          waiting?.hear(news)
        },
        onStart: (begun) => {
          start = begun
          progress.end()
          const { search: chosenOn, check } = begun.pictures!
          say(`${chosenOn} pictures of ${run.domains.length} domains choose the weights, ${check} others check them.`)
        },
        onTrial: (trial) => {
          history.push(trial)
          if (!trial.isBest) return
          progress.end()
          say(`Trial ${trial.index + 1}: ${told(trial.score)}, the best so far.`)
        },
      },
      signal,
    ).catch((error: unknown) => {
      if (shared?.gathers) sayGathered(shared)
      throw error
    })
    progress.end()
    if (found.stopped && shared?.share) throw stoppedShare(shared.share)
    if (shared && !found.stopped) sayGathered(shared)
    printResult(options, { ...found, ...start, history, project: written ?? null }, () =>
      [
        weightTable(found),
        '',
        lossesInWords(found, start, history[0]!.score, strategy, options.aim),
        ...workInWords(found),
        '',
        found.check?.verdict ?? 'It was stopped: the weights were not checked on the other pictures.',
        ...(out === undefined ? ['With --out FILE.fusion.json these weights become a project.'] : []),
      ].join('\n'),
    )
    if (written !== undefined) {
      await writeProject(written, withResult(found.best.models), overwrite)
      say(`Written to ${written}: featurefusion merge ${written} --out PATH makes this merge.`)
    } else if (out !== undefined) say(`All shares found the same: share 1/${shared!.share!.count} writes --out.`)
  })
}

/** Of a share that was stopped, so that whoever started it does not think that it is done. */
function stoppedShare(share: Share): FusionError {
  return new FusionError('cancelled', `Share ${shareInWords(share)} was stopped.`, {
    hint: 'Start it again with the same command: it goes on where it was.',
  })
}

/** What is drawn and scored; null where the loss alone is aimed at. */
function scoresOf(
  { aim, prompts, seeds, steps: iterations, guidance, scheduler, ...files }: SearchOptions,
  seed: number,
) {
  if (aim.every((one) => scorerOf(one) === null)) return null
  const settings = { steps: iterations, guidance, ...(scheduler !== undefined && { scheduler }) }
  return { files: scorerFilesOf(files), prompts, drawing: { seeds, seed, settings } }
}

/** The project whose one specialist is what blocks are scaled of: the merge of a project's file, or the only specialist. */
function scaledProject(project: Project, path: string | undefined): Project {
  if (project.method.name === 'gains') return project
  const [, ...specialists] = takingPart(project.models)
  if (path === undefined && specialists.length !== 1)
    throw new UsageError('--space gains: name the file of a project whose merge is scaled, or one specialist.')
  const merge = path === undefined ? specialists[0]! : modelSchema.parse({ name: 'merge', path: resolve(path) })
  return gainedProject(project, merge)
}

/** One weight for each model, or one for each of its blocks. */
function weightTable({ best: { models } }: FoundMerge): string {
  const gains = models.flatMap(({ layers }) => layers)
  if (gains.length > 0)
    return table([['last layer of', 'gain'], ...gains.map(({ pattern, weight }) => [pattern, weight.toFixed(4)])])
  const blocks = [...new Set(models.flatMap((model) => Object.keys(model.blocks)))]
  if (blocks.length === 0)
    return table([['model', 'weight'], ...models.map(({ name, weight }) => [name, weight.toFixed(4)])])
  return table([
    ['block', ...models.map(({ name }) => name)],
    ...blocks.map((block) => [block, ...models.map(({ weight, blocks: own }) => (own[block] ?? weight).toFixed(4))]),
  ])
}

function isOfGains({ models }: FoundMerge['best']): boolean {
  return models.some(({ layers }) => layers.length > 0)
}

/** What the race spared, if it did. */
function workInWords({ trials, work: { stopped, measured, units } }: FoundMerge): string[] {
  if (stopped === 0) return []
  const spared = Math.round(100 * (1 - measured / units))
  return [
    '',
    `${stopped} of ${trials} trials were certainly worse and ended early: ${spared} % of the work was spared.`,
  ]
}

function lossesInWords(
  { best, check, trials }: FoundMerge,
  { pictures, base, soup }: Start,
  began: number,
  strategy: SearchStrategy,
  aims: readonly Aim[],
): string {
  const cell = (loss: number | undefined): string => (loss === undefined ? '' : aimedText(loss, aims))
  // A greedy soup begins with the base alone.
  const start = strategy === 'cma-es' ? [['where the search began', cell(began), cell(check?.start)]] : []
  return table([
    [`${aimsInWords(aims)} on pictures that`, `chose (${pictures?.search})`, `never seen (${pictures?.check})`],
    ['base', cell(base?.search), cell(base?.check)],
    [isOfGains(best) ? 'without gains' : 'plain average', cell(soup?.search), cell(soup?.check)],
    ...start,
    [`best of ${trials} trials`, cell(best.score), cell(check?.best)],
  ])
}
