import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { version } from '../../../package.json'
import { withOrigins } from '../../app/previews/picture-text'
import { planGrid } from '../../app/previews/grid-plan'
import { soonKnownHashes } from '../../app/models/model-hash'
import { preview } from '../../compute/tasks/preview'
import { releaseModel } from '../../compute/resident-model'
import type { TaskContext } from '../../compute/task'
import { previewSchema, type Project } from '../../contract/document/project'
import {
  AXIS_KINDS,
  gridSchema,
  tablesOf,
  type Grid,
  type GridAxis,
  type GridLabels,
  type GridPlace,
} from '../../contract/grid/grid'
import { parseSeed, SEED_RANGE, seedOf } from '../../contract/values/seed'
import { SMALL_FILES } from '../../engine/files/reading/small-files'
import { readSmallFile } from '../../engine/files/reading/regular-file'
import { OWN_PNG_FILE } from '../../engine/image/png-file'
import { checkOutput, checkOutputFolder, writeOutput } from '../../engine/files/writing/write-output'
import { readGridSheet } from '../../engine/image/grid-sheet'
import { encodePng } from '../../engine/image/png'
import { chooseDevice, DEVICES, type Device } from '../../engine/runtime/providers'
import { cacheFolder } from '../folders'
import { addModelOptions, loadProject, type ModelOptions } from '../options/model-options'
import { collect, number, steps } from '../options/option-values'
import { ProgressLine, printResult, runCommand, UsageError, type CommonOptions } from '../output/output'

interface GridOptions extends CommonOptions, ModelOptions {
  x: string
  y?: string
  z?: string
  prompt: string[]
  negative?: string
  pictureSeed?: string
  steps?: number
  guidance?: number
  scheduler?: string
  out: string
  device: Device
}

/** A cell that was drawn. */
interface DrawnCell {
  file: string
  label: string
}

/** Where a cell stands, and the file that it was drawn into. */
interface GridCellFile {
  place: GridPlace
  value: string
}

/** `featurefusion grid`: pictures of a project in columns, rows and tables that change one thing each. */
export function addGridCommand(program: Command, files: Pick<TaskContext, 'workerFile' | 'clipVocabulary'>): void {
  const command = program
    .command('grid [project]')
    .summary('draw a table of pictures over weights, methods, seeds, prompts and the like')
    .description(
      `draw a table of pictures, each axis changing one thing: KIND[:OF]=VALUES. Kinds: ${AXIS_KINDS.join(', ')}. OF is a specialist (weight:food; without it all of them), a block of one (block:food/IN04), or a parameter of the method (parameter:density). Numbers: 0,0.5,1 or 0..1 in 5 or random 0..1 in 5. Prompts: with | between them. Ctrl+C ends the drawing and keeps what is drawn.`,
    )
    .requiredOption('--x <axis>', 'the columns')
    .option('--y <axis>', 'the rows')
    .option('--z <axis>', 'one table each')
    .option('--prompt <text>', "what to show (default: the project's first prompt)", collect, [])
    .option('--negative <text>', 'what not to show')
    .option('--picture-seed <n>', 'seed of the pictures')
    .option('--steps <n>', 'denoising steps', steps)
    .option('--guidance <number>', 'guidance scale', number)
    .option('--scheduler <name>', 'a scheduler, as featurefusion generate names them')
    .requiredOption('--out <folder>', 'folder for grid.png and the cells')
    .addOption(new Option('--device <name>', 'where networks run').choices(DEVICES).default('auto'))
    .option('--json', 'results as JSON')
  addModelOptions(command)
  command.action((path: string | undefined, options: GridOptions) =>
    runCommand(options, (signal) => grid(path, options, files, signal)),
  )
}

async function grid(
  path: string | undefined,
  options: GridOptions,
  files: Pick<TaskContext, 'workerFile' | 'clipVocabulary'>,
  signal: AbortSignal,
): Promise<void> {
  const project = withDrawing(await loadProject(path, options, true), options)
  const out = resolve(options.out)
  await checkOutputFolder(out)
  await checkOutput(join(out, SHEET), RULE)
  const folder = await mkdtemp(join(tmpdir(), 'featurefusion-grid-'))
  const places = { merges: join(folder, 'merges'), pictureFile: (id: string) => join(folder, `${id}.png`) }
  const progress = new ProgressLine()
  const cells: DrawnCell[] = []
  try {
    const { models, pictures, planned, run } = await planGrid(project, gridOf(options), places)
    const labels = run.grid!
    const drawn: GridCellFile[] = []
    const paths = run.sources.map((source) => source.path)
    const hashes = await soonKnownHashes(paths, cacheFolder())
    const device = await chooseDevice(options.device)
    const told = withOrigins(pictures, planned, hashes, version)
    const task = { type: 'preview', models, pictures: told, device, cacheFolder: cacheFolder() } as const
    try {
      await preview(task, {
        ...files,
        signal,
        emit(event) {
          if (event.type === 'progress') progress.show(event.phase, event.fraction)
          if (event.type !== 'picture') return
          drawn.push({ place: planned.get(event.id)!.cell!, value: places.pictureFile(event.id) })
        },
      })
    } finally {
      // What was finished before a cancel or a fault stays.
      progress.end()
      await releaseModel()
      cells.push(...(await written(out, labels, drawn)))
    }
    const sheet = join(out, SHEET)
    const result = { sheet, labels, cells, merges: models.length }
    printResult(options, result, () => `${sheet}\n${cells.length} pictures, ${models.length} sets of weights`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const SHEET = 'grid.png'
/** Earlier grids in the same folder are replaced, nothing else. */
const RULE = { kind: OWN_PNG_FILE, overwrite: true, sources: [] }

/** Writes the cells that are drawn, and all of them as one picture. */
async function written(out: string, labels: GridLabels, drawn: readonly GridCellFile[]): Promise<DrawnCell[]> {
  const cells: DrawnCell[] = []
  for (const { place, value } of drawn.toSorted(byPlace)) {
    const { x, y, z, label } = place
    const file = join(out, `cell-${[x + 1, y + 1, z + 1].join('-')}.png`)
    await writeOutput(file, await readSmallFile(value, SMALL_FILES.picture), RULE)
    cells.push({ file, label })
  }
  if (cells.length === 0) return cells
  await writeOutput(join(out, SHEET), encodePng(await readGridSheet(labels, tablesOf(labels, drawn))), RULE)
  return cells
}

/** Table by table, row by row. */
function byPlace({ place: a }: GridCellFile, { place: b }: GridCellFile): number {
  return a.z - b.z || a.y - b.y || a.x - b.x
}

function gridOf({ x, y, z }: GridOptions): Grid {
  return gridSchema.parse({
    x: axisOf('--x', x),
    y: y === undefined ? null : axisOf('--y', y),
    z: z === undefined ? null : axisOf('--z', z),
  })
}

/** @throws UsageError */
function axisOf(option: string, text: string): GridAxis {
  const [, kind, of = '', values = ''] = /^([a-z-]+)(?::([^=]*))?=([\s\S]*)$/.exec(text) ?? []
  const known = AXIS_KINDS.find((name) => name === kind)
  if (!known)
    throw new UsageError(`${option} ${text}: KIND[:OF]=VALUES expected.`, `Kinds are ${AXIS_KINDS.join(', ')}.`)
  return { kind: known, of, values }
}

/** @throws UsageError */
function withDrawing(project: Project, options: GridOptions): Project {
  const { prompt, negative, pictureSeed, steps: count, guidance, scheduler } = options
  const seed = pictureSeed === undefined ? undefined : parseSeed(pictureSeed)
  if (seed === null) throw new UsageError(`--picture-seed ${pictureSeed}: a seed is ${SEED_RANGE}.`)
  const found = previewSchema.safeParse({
    ...project.preview,
    ...(prompt.length > 0 && { prompts: prompt }),
    ...(negative !== undefined && { negativePrompt: negative }),
    ...(seed !== undefined && { seeds: [seedOf(seed)] }),
    ...(count !== undefined && { steps: count }),
    ...(guidance !== undefined && { guidance }),
    ...(scheduler !== undefined && { scheduler }),
  })
  if (!found.success) throw new UsageError(found.error.issues[0]!.message)
  return { ...project, preview: found.data }
}
