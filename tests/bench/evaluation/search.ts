// A search of 100 trials on the shipped family with its race against the same search without one, in one run: network
// runs (a picture at a timestep each), processor time, and the losses of both winners on the half that chose nothing.
//   npm run build && node scripts/run-ts.mjs tests/bench/evaluation/search.ts [TRIALS] [SEED] [SPLIT] [--race-alone] [--generations]
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { projectSchema } from '../../../src-main/contract/document/project'
import { withFoundWeights } from '../../../src-main/contract/document/project-evaluation'
import type { Split } from '../../../src-main/contract/evaluate/settings'
import { pairedLosses } from '../../../src-main/engine/evaluate/compare/paired-difference'
import { findDemoFamily } from '../../../src-main/engine/evaluate/data/demo-family'
import { halves } from '../../../src-main/engine/evaluate/data/splits'
import { EvaluationRun } from '../../../src-main/engine/evaluate/evaluation-run'
import { searchMerge, type FoundMerge } from '../../../src-main/engine/evaluate/search/search-merge'
import { chooseDevice } from '../../../src-main/engine/runtime/providers'

const MOST_COST = 0.4
const DEMO = fileURLToPath(new URL('../../../resources/demo', import.meta.url))

const given = process.argv.slice(2)
const [trials = '100', seed = '0', split = 'train'] = given.filter((word) => !word.startsWith('--'))
// What a race leaves of the network runs does not need the search without one.
const isRaceAlone = given.includes('--race-alone')
// As it is shared out: candidates of a generation do not know of each other.
const rounds = given.includes('--generations') ? 'generation' : 'trial'
const { base, specialists, evaluation } = await findDemoFamily(DEMO)
const project = projectSchema.parse({ format: 'featurefusion-project', version: 1, models: [base, ...specialists] })
const cacheFolder = await mkdtemp(join(tmpdir(), 'featurefusion-bench-'))
const run = await EvaluationRun.open({
  base: base.path,
  data: { folder: evaluation, split: split as Split, pictures: null, seed: 0 },
  device: await chooseDevice('cpu'),
  cacheFolder,
  clipVocabulary: fileURLToPath(new URL('../../../resources/clip/bpe_simple_vocab_16e6.txt.gz', import.meta.url)),
  workerFile: new URL('../../../out/main/tensor-worker.js', import.meta.url),
})

/** Seconds of all processors that work takes. */
async function processorTime<Result>(work: () => Promise<Result>): Promise<{ result: Result; seconds: number }> {
  const before = process.cpuUsage()
  const result = await work()
  const { user, system } = process.cpuUsage(before)
  return { result, seconds: (user + system) / 1e6 }
}

interface Side {
  found: FoundMerge
  /** Processor time of the trials, and of making the network their weights. */
  seconds: number
  feeding: number
}

async function search(race: boolean): Promise<Side> {
  const { live } = await run.load(() => {})
  let feeding = 0
  const feed = Object.getPrototypeOf(live).feed.bind(live) as typeof live.feed
  live.feed = async (plan, options) => {
    const { result, seconds } = await processorTime(() => feed(plan, options))
    feeding += seconds
    return result
  }
  // Trials alone: the contributions that all share, the base and the average come before the first.
  let before = process.cpuUsage()
  let seconds = 0
  const found = await searchMerge(
    run,
    project,
    { strategy: 'cma-es', trials: Number(trials), groups: 'all', seed: Number(seed), race, rounds },
    {
      onStart: () => {
        before = process.cpuUsage()
        feeding = 0
      },
      onTrial: () => {
        const { user, system } = process.cpuUsage(before)
        seconds = (user + system) / 1e6
      },
    },
  )
  const { work, best } = found
  console.log(
    `${race ? 'with a race   ' : 'without a race'}  ${work.measured} of ${work.units} network runs, ${work.stopped} of ${found.trials} trials ended early; ${seconds.toFixed(1)} s of processors, ${feeding.toFixed(1)} s of them to make weights; best ${best.score.toFixed(5)}, check ${found.check!.best.toFixed(5)}`,
  )
  return { found, seconds, feeding }
}

try {
  const raced = await search(true)
  const runs = raced.found.work.measured / raced.found.work.units
  console.log(`${verdict(runs <= MOST_COST)} network runs: ${(100 * runs).toFixed(1)} % (limit ${100 * MOST_COST} %)`)
  if (!isRaceAlone) await compare(raced, await search(false))
} finally {
  await run.release()
  await rm(cacheFolder, { recursive: true, force: true })
}

async function compare(raced: Side, whole: Side): Promise<void> {
  const unseen = halves(run.domains)[1]
  const [a, b] = [
    await run.lossesOf(rowOf('raced', raced.found), () => {}, unseen),
    await run.lossesOf(rowOf('whole', whole.found), () => {}, unseen),
  ]
  const { mean, standardError } = pairedLosses(a, b)
  const seconds = raced.seconds / whole.seconds
  console.log(`${verdict(seconds <= MOST_COST)} processor time: ${(100 * seconds).toFixed(1)} %`)
  console.log(
    `${verdict(Math.abs(mean) < 2 * standardError)} winners on unseen pictures: ${mean.toFixed(5)} ± ${standardError.toFixed(5)} (with a race − without; less than two errors)`,
  )
}

function verdict(isMet: boolean): string {
  return isMet ? 'ok  ' : 'OVER'
}

function rowOf(name: string, { best }: FoundMerge) {
  return { name, role: 'merge' as const, path: null, merge: withFoundWeights(project, 'cma-es', best.models) }
}
