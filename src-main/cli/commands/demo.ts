import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import type { PairedLosses } from '../../contract/evaluate/losses'
import type { Split } from '../../contract/evaluate/settings'
import { projectSchema, type MethodName, type Project } from '../../contract/document/project'
import type { Pipeline } from '../../engine/diffusion/pipeline'
import { encodePng } from '../../engine/image/png'
import type { Picture } from '../../engine/image/resample'
import { mean } from '../../engine/evaluate/losses/bootstrap'
import { PLAIN_AVERAGE } from '../../engine/evaluate/compare/compare-methods'
import { drawContactSheet } from '../../engine/image/contact-sheet'
import { findDemoFamily, type DemoFamily } from '../../engine/evaluate/data/demo-family'
import { EvaluationRun, type EvaluatedRow, type MeasuredRow } from '../../engine/evaluate/evaluation-run'
import { describeEvaluationSet } from '../../engine/evaluate/data/evaluation-set'
import { countPictures, type ChosenDomain } from '../../engine/evaluate/data/splits'
import { exceedsTwoErrors, pairedLosses } from '../../engine/evaluate/compare/paired-difference'
import { OWN_PNG_FILE } from '../../engine/image/png-file'
import { checkOutput, checkOutputFolder, writeOutput } from '../../engine/files/writing/write-output'
import { throwIfCancelled } from '../../engine/cancel'
import { planMerge } from '../../engine/merge/open-model'
import { chooseDevice, DEVICES, type Device, type ProviderStatus } from '../../engine/runtime/providers'
import { mergeWithProgress, resultAsData, resultInWords, type ProgramFiles } from './merging/merge'
import {
  ProgressLine,
  printResult,
  runCommand,
  say,
  seconds,
  signed,
  table,
  type CommonOptions,
} from '../output/output'

interface DemoOptions extends CommonOptions {
  out: string
  device: Device
}

interface DemoFiles extends ProgramFiles {
  demoFolder: string
}

/** A row of the contact sheet; measured ones are also a row of the table. */
interface Row extends EvaluatedRow {
  measured: boolean
}

const STEPS = 20
const GUIDANCE = 5
const SCHEDULER = 'ddim'
/** Runs of the UNet on one picture that the table may take: about half a minute on two cores. */
const LOSS_RUNS = 5000
const FEWEST_PICTURES = 6
const FUSION = 'FeatureFusion'
const SPLIT_WORDS: Readonly<Record<Split, string>> = {
  'held-out': 'held-out pictures',
  train: 'taught pictures, with noise that no model saw,',
  all: 'pictures',
}
const SHEET_RULE = { kind: OWN_PNG_FILE, overwrite: true }

/** `featurefusion demo`: the main job on the shipped family. */
export function addDemoCommand(program: Command, files: DemoFiles): void {
  program
    .command('demo')
    .description('merge the shipped models, measure the merge, and draw a contact sheet')
    .option('--out <dir>', 'folder for the merged checkpoint and the contact sheet', join('out', 'demo'))
    .addOption(new Option('--device <name>', 'where networks run').choices(DEVICES).default('auto'))
    .option('--json', 'results as JSON')
    .action((options: DemoOptions) => runCommand(options, (signal) => demo(options, files, signal)))
}

async function demo(options: DemoOptions, files: DemoFiles, signal: AbortSignal): Promise<void> {
  const started = performance.now()
  const family = await findDemoFamily(files.demoFolder)
  const set = await describeEvaluationSet(family.evaluation)
  const device = await chooseDevice(options.device)
  const out = resolve(options.out)
  await checkOutputFolder(out)
  const sheet = join(out, 'contact-sheet.png')
  await checkOutput(sheet, SHEET_RULE)
  say(`Merging ${family.base.name} with ${family.specialists.map(({ name }) => name).join(', ')} …`)
  const plan = await planMerge(projectOf(family, family.specialists, 'featurefusion'))
  const merged = await mergeWithProgress(plan, join(out, 'featurefusion'), device.provider, files, signal, {})

  const rows = rowsOf(family, merged.path)
  const count = rows.filter(({ measured }) => measured).length
  const runs = LOSS_RUNS / (count * set.domains.length * set.timesteps.length)
  const pictures = Math.max(FEWEST_PICTURES, Math.floor(runs))
  const { prompts, split } = family
  say(`Measuring ${count} models, drawing with ${rows.length} …`)
  const { losses, domains, cells } = await measureAndDraw(rows, family, pictures, device, files, signal)
  const picture = drawContactSheet({ rows: rows.map(({ name }) => name), columns: prompts, cells })
  await writeOutput(sheet, encodePng(picture), SHEET_RULE)

  const of = (wanted: string): MeasuredRow => losses.find(({ name }) => name === wanted)!
  const againstSoup = pairedLosses(of(FUSION), of(PLAIN_AVERAGE))
  const againstBase = pairedLosses(of(FUSION), of(family.base.name))
  const measuredPictures = countPictures(domains)
  const result = {
    merge: resultAsData(plan, merged),
    losses: Object.fromEntries(losses.map((row) => [row.name, byDomain(domains, row)])),
    fusionMinusAverage: againstSoup,
    fusionMinusBase: againstBase,
    contactSheet: sheet,
    seconds: (performance.now() - started) / 1000,
  }
  printResult(options, result, () =>
    [
      resultInWords(plan, merged),
      '',
      `Denoising loss on ${picturesPerDomain(domains)} ${SPLIT_WORDS[split]} per domain, ${set.timesteps.length} timesteps each (lower is better):`,
      lossTable(domains, losses),
      '',
      verdictInWords('the plain average', againstSoup, measuredPictures),
      verdictInWords(`${family.base.name} alone`, againstBase, measuredPictures),
      `Contact sheet  ${sheet}`,
      `Done in ${seconds(result.seconds)}.`,
    ].join('\n'),
  )
}

function projectOf({ base }: DemoFamily, specialists: DemoFamily['specialists'], method: MethodName): Project {
  return projectSchema.parse({
    format: 'featurefusion-project',
    version: 1,
    models: [base, ...specialists],
    method: { name: method },
  })
}

/** The family, every pair of specialists by FeatureFusion, the plain average of all, and the merge that was written. */
function rowsOf(family: DemoFamily, mergedPath: string): Row[] {
  const { base, specialists } = family
  const pairs = specialists.flatMap((first, index) => specialists.slice(index + 1).map((second) => [first, second]))
  const file = ({ name, path }: DemoFamily['base'], role: Row['role']): Row => {
    return { name, role, path, merge: null, measured: true }
  }
  const merge = (name: string, models: DemoFamily['specialists'], method: MethodName): Omit<Row, 'measured'> => {
    return { name, role: 'merge', path: null, merge: projectOf(family, models, method) }
  }
  return [
    file(base, 'base'),
    ...specialists.map((model) => file(model, 'specialist')),
    ...pairs.map((pair) => ({
      ...merge(pair.map(({ name }) => name).join('+'), pair, 'featurefusion'),
      measured: false,
    })),
    { ...merge(PLAIN_AVERAGE, specialists, 'soup'), measured: true },
    file({ name: FUSION, path: mergedPath }, 'merge'),
  ]
}

/** Every row's losses, if it is measured, and its pictures, all through one network. */
async function measureAndDraw(
  rows: readonly Row[],
  { base, evaluation, prompts, split }: DemoFamily,
  pictures: number,
  device: ProviderStatus,
  { workerFile, clipVocabulary }: ProgramFiles,
  signal: AbortSignal,
): Promise<{ losses: MeasuredRow[]; domains: readonly ChosenDomain[]; cells: Picture[][] }> {
  const scratch = await mkdtemp(join(tmpdir(), 'featurefusion-demo-'))
  const progress = new ProgressLine()
  const losses: MeasuredRow[] = []
  const cells: Picture[][] = []
  let run: EvaluationRun | undefined
  try {
    run = await EvaluationRun.open({
      base: base.path,
      data: { folder: evaluation, split, pictures, seed: 0 },
      device,
      cacheFolder: scratch,
      clipVocabulary,
      ...(workerFile && { workerFile }),
      signal,
    })
    for (const [index, row] of rows.entries()) {
      throwIfCancelled(signal)
      progress.show(row.name, index / rows.length)
      if (row.measured) losses.push(await run.measure(row, () => {}))
      cells.push(await run.withModel(row, (pipeline) => picturesOf(pipeline, prompts, signal)))
    }
    return { losses, domains: run.domains, cells }
  } finally {
    progress.end()
    await run?.release()
    await rm(scratch, { recursive: true, force: true })
  }
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

function byDomain(domains: readonly ChosenDomain[], { losses }: MeasuredRow): Record<string, number> {
  const means = domains.map(({ name }, index) => [name, mean(losses[index]!.map(mean))] as const)
  return { ...Object.fromEntries(means), mean: mean(means.map(([, value]) => value)) }
}

function picturesPerDomain(domains: readonly ChosenDomain[]): string {
  const counts = [...new Set(domains.map(({ pictures }) => pictures.length))]
  return counts.length === 1 ? String(counts[0]) : `${Math.min(...counts)} to ${Math.max(...counts)}`
}

function lossTable(domains: readonly ChosenDomain[], losses: readonly MeasuredRow[]): string {
  const header = ['', ...domains.map(({ name }) => name), 'mean']
  const rows = losses.map((row) => [
    row.name,
    ...Object.values(byDomain(domains, row)).map((value) => value.toFixed(4)),
  ])
  return table([header, ...rows])
}

/** Says whether FeatureFusion beats another model, or that the difference is not significant. */
function verdictInWords(other: string, difference: PairedLosses, count: number): string {
  const { mean: value, standardError, relative } = difference
  const relation = !exceedsTwoErrors(difference)
    ? 'does not differ significantly from'
    : value < 0
      ? 'beats'
      : 'is worse than'
  const share = `${(Math.abs(relative) * 100).toPrecision(2)} % of the loss`
  return `FeatureFusion ${relation} ${other}: ${signed(value, 5)} ± ${standardError.toFixed(5)} (${share}; ${count} pictures, paired).`
}
