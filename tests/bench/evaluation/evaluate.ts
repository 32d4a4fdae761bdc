// The evaluation of the demo family, against issue 7's limits.
//   npm run build && node scripts/run-ts.mjs tests/bench/evaluation/evaluate.ts leaderboard   all methods on all domains, from nothing
//   … evaluate.ts search [TRIALS]      trials of a search by re-weighting against merges from scratch
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { projectSchema, type Project } from '../../../src-main/contract/document/project'
import { comparedRows, judgedDomains, measureRows } from '../../../src-main/engine/evaluate/compare/compare-methods'
import { compareRows } from '../../../src-main/engine/evaluate/compare/leaderboard'
import { findDemoFamily } from '../../../src-main/engine/evaluate/data/demo-family'
import { EvaluationRun } from '../../../src-main/engine/evaluate/evaluation-run'
import { searchMerge } from '../../../src-main/engine/evaluate/search/search-merge'
import { planMerge } from '../../../src-main/engine/merge/open-model'
import { runMerge } from '../../../src-main/engine/merge/run'
import { chooseDevice } from '../../../src-main/engine/runtime/providers'

const DEMO = fileURLToPath(new URL('../../../resources/demo', import.meta.url))
const FILES = {
  workerFile: new URL('../../../out/main/tensor-worker.js', import.meta.url),
  clipVocabulary: fileURLToPath(new URL('../../../resources/clip/bpe_simple_vocab_16e6.txt.gz', import.meta.url)),
}
const LEADERBOARD_LIMIT_SECONDS = 180
const SEARCH_LEAST_FACTOR = 5
/** Merges from scratch that stand for a hundred. */
const SCRATCH_MERGES = 5

const [part, ...rest] = process.argv.slice(2)
const load = (): string => `load ${loadavg()[0]!.toFixed(1)}`

const { base, specialists, evaluation } = await findDemoFamily(DEMO)
const project: Project = projectSchema.parse({
  format: 'featurefusion-project',
  version: 1,
  models: [base, ...specialists],
})
const cacheFolder = await mkdtemp(join(tmpdir(), 'featurefusion-bench-'))
const run = await EvaluationRun.open({
  base: base.path,
  data: { folder: evaluation, split: 'held-out', pictures: null, seed: 0 },
  device: await chooseDevice('cpu'),
  cacheFolder,
  ...FILES,
})
try {
  if (part === 'leaderboard') await leaderboard()
  else if (part === 'search') await search(Number(rest[0] ?? 100))
  else throw new Error('Say what: leaderboard or search.')
} finally {
  await run.release()
  await rm(cacheFolder, { recursive: true, force: true })
}

async function leaderboard(): Promise<void> {
  const started = performance.now()
  const rows = comparedRows(project)
  const measured = await measureRows(run, rows, { onFailed: (name, error) => console.log(name, error.message) })
  const { leaderboard: board, verdict } = compareRows(run, measured, judgedDomains(run, rows))
  const seconds = (performance.now() - started) / 1000
  for (const { name, loss, seconds: cost } of board)
    console.log(`${loss.toFixed(4)}  ${name}${cost === null ? '' : `, made in ${cost.toFixed(1)} s`}`)
  console.log(verdict)
  const ok = seconds <= LEADERBOARD_LIMIT_SECONDS ? 'ok  ' : 'OVER'
  console.log(
    `${ok} leaderboard of ${rows.length} rows: ${seconds.toFixed(1)} s (limit ${LEADERBOARD_LIMIT_SECONDS} s; ${load()})`,
  )
}

async function search(trials: number): Promise<void> {
  const scratch: number[] = []
  for (let merge = 0; merge < SCRATCH_MERGES; merge++) {
    const started = performance.now()
    await runMerge(await planMerge(project), {
      path: join(cacheFolder, 'merge'),
      overwrite: true,
      cacheFolder,
      ...FILES,
    })
    scratch.push((performance.now() - started) / 1000)
  }
  const perMerge = scratch.sort((a, b) => a - b)[SCRATCH_MERGES >> 1]!
  const { live } = await run.load(() => {})
  let fed = 0
  const feed = live.feed.bind(live)
  live.feed = async (plan, options) => {
    const started = performance.now()
    const update = await feed(plan, options)
    fed += (performance.now() - started) / 1000
    return update
  }
  let first = 0
  const found = await searchMerge(
    run,
    project,
    { strategy: 'cma-es', trials, groups: 'all', seed: 0, race: false },
    {
      onTrial: ({ index }) => {
        if (index === 0) [first, fed] = [performance.now(), 0]
      },
    },
  )
  const whole = ((performance.now() - first) / 1000) * (trials / (trials - 1))
  const weights = fed * (trials / (trials + 1))
  const factor = (perMerge * trials) / weights
  console.log(`a merge from scratch: ${perMerge.toFixed(2)} s; a trial's weights: ${(weights / trials).toFixed(3)} s`)
  console.log(`${found.trials} trials with their losses: ${whole.toFixed(1)} s, best ${found.best.score.toFixed(5)}`)
  console.log(found.check)
  const ok = factor >= SEARCH_LEAST_FACTOR ? 'ok  ' : 'SLOW'
  console.log(
    `${ok} ${trials} trials' weights: ${factor.toFixed(1)} × faster than ${trials} merges (least ${SEARCH_LEAST_FACTOR} ×; ${load()})`,
  )
}
