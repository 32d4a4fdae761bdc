import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { projectSchema, type MethodName } from '../contract/project'
import { openCheckpoint } from '../engine/checkpoint/open'
import { loadPipeline } from '../engine/diffusion/load-pipeline'
import { writePicture } from '../engine/diffusion/picture-file'
import type { Pipeline } from '../engine/diffusion/pipeline'
import { encodePng } from '../engine/diffusion/png'
import type { Picture } from '../engine/diffusion/resample'
import { drawContactSheet } from '../engine/evaluate/contact-sheet'
import { findDemoFamily, type DemoFamily } from '../engine/evaluate/demo-family'
import { denoisingLoss } from '../engine/evaluate/denoising-loss'
import { promptsOf, readEvaluationSet, type EvaluationSet } from '../engine/evaluate/evaluation-set'
import { pairedDifference, type PairedDifference } from '../engine/evaluate/paired-difference'
import { throwIfCancelled } from '../engine/merge/cancel'
import { planMerge } from '../engine/merge/plan'
import { runMerge } from '../engine/merge/run'
import { chooseProvider, DEVICES, type Device } from '../engine/runtime/providers'
import type { Provider } from '../engine/runtime/session'
import { cacheFolder } from './folders'
import { mergeWithProgress, resultAsData, resultInWords, type ProgramFiles } from './merge'
import { ProgressLine, printResult, runCommand, say, seconds, table, type CommonOptions } from './output'

interface DemoOptions extends CommonOptions {
  out: string
  device: Device
}

/** A row of the contact sheet; measured ones are also a row of the table. */
interface Row {
  name: string
  path: string
  measured: boolean
}

/** Losses per domain and picture. */
type Losses = number[][]

const STEPS = 20
const GUIDANCE = 5
const SCHEDULER = 'ddim'
/** Runs of the UNet on one picture that the table and the sheet may take: about half a minute each on two cores. */
const LOSS_RUNS = 5000
const SHEET_RUNS = 5000
const FEWEST_PICTURES = 6
const FEWEST_PROMPTS = 4
const HELD_OUT = 'held-out'
const SOUP = 'plain average'
const FUSION = 'FeatureFusion'

/** `featurefusion demo`: the main job on the shipped family. */
export function addDemoCommand(program: Command, files: ProgramFiles, folder: string): void {
  program
    .command('demo')
    .description('the main job on the shipped models: merge, measure, draw a contact sheet')
    .option('--out <dir>', 'folder for the merged checkpoint and the contact sheet', join('out', 'demo'))
    .addOption(new Option('--device <name>', 'where networks run').choices(DEVICES).default('auto'))
    .option('--json', 'results as JSON')
    .action((options: DemoOptions) => runCommand(options, (signal) => demo(options, files, folder, signal)))
}

async function demo(options: DemoOptions, files: ProgramFiles, folder: string, signal: AbortSignal): Promise<void> {
  const started = performance.now()
  const family = await findDemoFamily(folder)
  const set = await readEvaluationSet(family.evaluation)
  const provider = await chooseProvider(options.device)
  const out = resolve(options.out)
  const scratch = await mkdtemp(join(tmpdir(), 'featurefusion-demo-'))
  const progress = new ProgressLine()
  try {
    say(`Merging ${family.base.name} with ${family.specialists.map(({ name }) => name).join(', ')} …`)
    const plan = await planMerge(projectOf(family.base, family.specialists, 'featurefusion'))
    const merged = await mergeWithProgress(plan, join(out, 'featurefusion'), provider, files, signal, {})

    const [pairs, soup] = await scratchMerges(family, scratch, provider, signal, progress)
    const rows: Row[] = [
      ...[family.base, ...family.specialists].map((model) => ({ ...model, measured: true })),
      ...pairs,
      soup,
      { name: FUSION, path: merged.path, measured: true },
    ]
    say(`Measuring ${rows.filter(({ measured }) => measured).length} models, drawing with ${rows.length} …`)
    const { losses, cells, prompts } = await measureAndDraw(rows, family, set, provider, signal, progress)
    const sheet = join(out, 'contact-sheet.png')
    const picture = drawContactSheet({ rows: rows.map(({ name }) => name), columns: prompts, cells })
    await writePicture(sheet, encodePng(picture))

    const verdict = pairedDifference(losses.get(FUSION)!.flat(), losses.get(SOUP)!.flat())
    const againstBase = pairedDifference(losses.get(FUSION)!.flat(), losses.get(family.base.name)!.flat())
    const result = {
      merge: resultAsData(plan, merged),
      losses: Object.fromEntries([...losses].map(([name, own]) => [name, byDomain(set, own)])),
      fusionMinusAverage: verdict,
      fusionMinusBase: againstBase,
      contactSheet: sheet,
      seconds: (performance.now() - started) / 1000,
    }
    printResult(options, result, () =>
      [
        resultInWords(plan, merged),
        '',
        `Denoising loss on ${picturesPerDomain(losses)} held-out pictures per domain, ${set.timesteps.length} timesteps each (less is better):`,
        lossTable(set, losses),
        '',
        verdictInWords('the plain average', verdict),
        verdictInWords(`${family.base.name} alone`, againstBase),
        `Contact sheet  ${sheet}`,
        `Done in ${seconds(result.seconds)}.`,
      ].join('\n'),
    )
  } finally {
    progress.end()
    await rm(scratch, { recursive: true, force: true })
  }
}

function projectOf(
  base: DemoFamily['base'],
  specialists: DemoFamily['specialists'],
  method: MethodName,
): Parameters<typeof planMerge>[0] {
  return projectSchema.parse({
    format: 'featurefusion-project',
    version: 1,
    models: [base, ...specialists],
    method: { name: method },
  })
}

/** Every pair of specialists by FeatureFusion, and the plain average of all models: UNets alone, to be thrown away. */
async function scratchMerges(
  { base, specialists }: DemoFamily,
  scratch: string,
  provider: Provider,
  signal: AbortSignal,
  progress: ProgressLine,
): Promise<[pairs: Row[], soup: Row]> {
  const unet = { ...base, path: join(base.path, 'unet') }
  const merge = async (name: string, models: DemoFamily['specialists'], method: MethodName): Promise<Row> => {
    const path = join(scratch, name)
    const plan = await planMerge(projectOf(unet, models, method))
    await runMerge(plan, { path, provider, cacheFolder: cacheFolder(), signal })
    return { name, path, measured: false }
  }
  const pairs = specialists.flatMap((first, index) => specialists.slice(index + 1).map((second) => [first, second]))
  const rows: Row[] = []
  for (const [index, pair] of pairs.entries()) {
    progress.show('merging pairs', index / pairs.length)
    rows.push(await merge(pair.map(({ name }) => name).join('+'), pair, 'featurefusion'))
  }
  const soup = await merge(SOUP, specialists, 'soup')
  progress.end()
  return [rows, { ...soup, measured: true }]
}

/** Loads model by model: its losses if it is measured, its pictures. */
async function measureAndDraw(
  rows: readonly Row[],
  { base }: DemoFamily,
  set: EvaluationSet,
  provider: Provider,
  signal: AbortSignal,
  progress: ProgressLine,
): Promise<{ losses: Map<string, Losses>; cells: Picture[][]; prompts: string[] }> {
  const measured = rows.filter((row) => row.measured).length
  const runs = LOSS_RUNS / (measured * set.domains.length * set.timesteps.length)
  const most = Math.max(FEWEST_PICTURES, Math.floor(runs))
  const prompts = promptsOf(set, Math.max(FEWEST_PROMPTS, Math.floor(SHEET_RUNS / (rows.length * STEPS * 2))))
  const lender = await openCheckpoint(base.path)
  const losses = new Map<string, Losses>()
  const cells: Picture[][] = []
  for (const [index, { name, path, measured: isMeasured }] of rows.entries()) {
    throwIfCancelled(signal)
    progress.show(name, index / rows.length)
    const pipeline = await loadPipeline(await openCheckpoint(path), { base: lender, device: provider })
    try {
      if (isMeasured) losses.set(name, await lossesOf(pipeline, set, most, signal))
      cells.push(await picturesOf(pipeline, prompts, signal))
    } finally {
      await pipeline.release()
    }
  }
  progress.end()
  return { losses, cells, prompts }
}

async function lossesOf(pipeline: Pipeline, set: EvaluationSet, most: number, signal: AbortSignal): Promise<Losses> {
  const losses: Losses = []
  for (const domain of set.domains) {
    const pictures = domain.pictures.flatMap(({ split }, index) => (split === HELD_OUT ? [index] : [])).slice(0, most)
    losses.push([...(await denoisingLoss(pipeline, set, domain, { pictures, signal }))])
  }
  return losses
}

async function picturesOf(pipeline: Pipeline, prompts: readonly string[], signal: AbortSignal): Promise<Picture[]> {
  const { nativeEdge: edge } = pipeline
  const made = await pipeline.generate(
    {
      pictures: prompts.map((prompt, index) => ({ prompt, seed: index })),
      steps: STEPS,
      guidance: GUIDANCE,
      scheduler: SCHEDULER,
      width: edge,
      height: edge,
    },
    { signal },
  )
  return made.map(({ width, height, pixels }) => ({ width, height, channels: 3, data: pixels }))
}

function byDomain({ domains }: EvaluationSet, losses: Losses): Record<string, number> {
  const means = domains.map(({ name }, index) => [name, mean(losses[index]!)] as const)
  return { ...Object.fromEntries(means), mean: mean(means.map(([, value]) => value)) }
}

function picturesPerDomain(losses: Map<string, Losses>): string {
  const counts = [...new Set(losses.get(FUSION)!.map(({ length }) => length))]
  return counts.length === 1 ? String(counts[0]) : `${Math.min(...counts)} to ${Math.max(...counts)}`
}

function lossTable(set: EvaluationSet, losses: Map<string, Losses>): string {
  const header = ['', ...set.domains.map(({ name }) => name), 'mean']
  const rows = [...losses].map(([name, own]) => [
    name,
    ...Object.values(byDomain(set, own)).map((value) => value.toFixed(4)),
  ])
  return table([header, ...rows])
}

/** Says whether FeatureFusion beats another model; two standard errors are the least that counts. */
function verdictInWords(other: string, { mean: difference, standardError, count, relative }: PairedDifference): string {
  const sure = Math.abs(difference) > 2 * standardError
  const relation = !sure ? 'does not differ measurably from' : difference < 0 ? 'beats' : 'is worse than'
  const signed = `${difference < 0 ? '−' : '+'}${Math.abs(difference).toFixed(5)} ± ${standardError.toFixed(5)}`
  const share = `${(Math.abs(relative) * 100).toPrecision(2)} % of the loss`
  return `FeatureFusion ${relation} ${other}: ${signed} (${share}; ${count} pictures, paired).`
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
