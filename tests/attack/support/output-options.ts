import { cpSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { encode } from 'fast-png'
import { evaluationAsCsv, leaderboardAsCsv } from '../../../src-main/contract/evaluate/csv-tables'
import { SCORERS } from '../../../src-main/contract/evaluate/scores/scorers'
import { inspectedAsCsv } from '../../../src-main/contract/report/inspect-section'
import { NO_MAP } from '../../../src-main/contract/report/inspected-map'
import { reportPage } from '../../../src-main/contract/report/report-page'
import { encodePng } from '../../../src-main/engine/image/png'
import { DEMO, familyFolders } from '../../unit/demo-family'
import { tensor, writeModel } from '../../unit/engine/merge/models'

/** Models that an attack on writers may lose: copies in a folder of its own. */
export interface Models {
  /** Folders. */
  base: string
  specialist: string
  /** Files of one tensor each. */
  small: [string, string]
  /** Of the base. */
  loras: [string, string]
  /** An evaluation set. */
  data: string
  /** A recipe of the small files. */
  recipe: string
  /** A project of base and specialist, with data of its own. */
  project: string
  /** Folder of a plan of the small files, whose only share is done once `jobCommands` ran. */
  job: string
  /** A picture, and the folder of a CLIP model that scores it. */
  picture: string
  clip: string
}

/** What a command does with a path that an option gives it. */
export interface OutputOption {
  /** The command and its option: 'merge --out'. */
  option: string
  /**
   * What stands at the path afterwards: a folder that takes the place of an earlier one, a file, or a folder into which
   * files are put.
   */
  writes: 'folder' | 'file' | 'into folder'
  /** The command with a target; with --overwrite where it has that. */
  args(models: Models, out: string): string[]
  /** The end of a target's name. */
  suffix?: string
  /** A file that it may replace. */
  own?: () => Uint8Array | string
  /** Told by --overwrite, it replaces any safetensors file that it does not read. */
  replacesModels?: true
  /** It reads one model, the first, instead of two. */
  readsOne?: true
}

/** That the first layer of the shipped base makes. */
const DEMO_CHANNELS = 48
const ON_CPU = ['--device', 'cpu', '--json']
const folders = ({ base, specialist }: Models): string[] => ['--base', base, '--specialist', `first=${specialist}`]
const files = ({ small: [first, second] }: Models): string[] => ['--base', first, '--specialist', `first=${second}`]
const firstShare = (out: string): string[] => ['--share', '1/1', '--results', out]
const evaluated = (models: Models): string[] => [...folders(models), '--data', models.data, ...ON_CPU]
const overwritten = (out: string): string[] => [...ON_CPU, '--overwrite', '--out', out]
const drawn = (base: string, out: string): string[] => {
  return ['generate', '--model', base, ...ON_CPU, '--prompt', 'x', '--steps', '1', '--out', out]
}

const PIXEL = { width: 1, height: 1, channels: 3, data: new Uint8Array(3) } as const
export const png = (): Uint8Array => encodePng(PIXEL)
/** A PNG of another program. */
export const photo = (): Uint8Array => encode(PIXEL)
export const project = (): string =>
  JSON.stringify({ format: 'featurefusion-project', version: 1, models: [{ name: 'base', path: '/base' }] })
const NO_FIGURES = { models: [], domains: [], timesteps: [], unlearned: [], scores: null, recognition: null }
const model = (): Uint8Array => {
  const header = '{"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
  return Buffer.concat([Buffer.from([header.length, 0, 0, 0, 0, 0, 0, 0]), Buffer.from(header)])
}

/** A LoRA of one layer without inputs. */
const lora = (): Uint8Array => {
  const factor = (shape: number[]) => ({ dtype: 'F32', shape, data_offsets: [0, 0] })
  const tensors = {
    'lora_unet_conv_in.lora_down.weight': factor([1, 0]),
    'lora_unet_conv_in.lora_up.weight': factor([0, 1]),
  }
  const header = JSON.stringify(tensors)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([length, Buffer.from(header)])
}

/** The commands that write a merge, with what comes before their models. */
const MERGES = { merge: ['merge'], reweight: ['reweight', '--weight', 'first=2'], unlearn: ['unlearn', 'first'] }

/** What `report` writes. */
const REPORTS = [
  { option: '--html', own: () => reportPage('', '', []) },
  { option: '--csv', own: () => inspectedAsCsv(NO_MAP) },
  { option: '--losses', own: () => evaluationAsCsv(NO_FIGURES) },
]

/** Every option by which a command is told where to write, once for each form that its target takes. */
export const OUTPUT_OPTIONS: readonly OutputOption[] = [
  ...Object.entries(MERGES).flatMap(([command, first]): OutputOption[] => [
    {
      option: `${command} --out`,
      writes: 'folder',
      args: (models, out) => [...first, ...folders(models), ...overwritten(out)],
    },
    {
      option: `${command} --out`,
      writes: 'file',
      args: (models, out) => [...first, ...files(models), ...overwritten(out)],
      own: model,
      suffix: '.safetensors',
      replacesModels: true,
    },
  ]),
  {
    option: 'plan --out',
    writes: 'into folder',
    args: (models, out) => ['plan', ...files(models), ...overwritten(out)],
  },
  {
    option: 'gather --out',
    writes: 'file',
    args: ({ job }, out) => ['gather', job, '--keep', ...overwritten(out)],
    own: model,
    suffix: '.safetensors',
    replacesModels: true,
  },
  {
    option: 'convert --out',
    writes: 'folder',
    args: ({ specialist }, out) => ['convert', specialist, '--json', '--overwrite', '--out', out],
  },
  {
    option: 'convert --out',
    writes: 'file',
    args: ({ small: [first] }, out) => ['convert', first, '--json', '--overwrite', '--out', out],
    own: model,
    suffix: '.safetensors',
    replacesModels: true,
    readsOne: true,
  },
  {
    option: 'inspect --png',
    writes: 'file',
    args: (models, out) => ['inspect', ...folders(models), ...ON_CPU, '--layer', 'conv_in.weight', '--png', out],
    own: png,
  },
  {
    option: 'calibrate --out',
    writes: 'file',
    args: (models, out) => {
      return ['calibrate', ...folders(models), '--data', `first=${models.data}`, '--samples', '4', ...overwritten(out)]
    },
  },
  {
    option: 'extract --out',
    writes: 'file',
    args: ({ base, specialist }, out) => {
      const models = ['--base', base, '--specialist', specialist]
      return ['extract', ...models, '--rank', '2', '--json', '--overwrite', '--out', out]
    },
    own: lora,
    suffix: '.safetensors',
  },
  {
    option: 'merge-loras --out',
    writes: 'file',
    args: ({ base, loras: [first, second] }, out) => {
      const models = ['--base', base, '--specialist', `first=${first}`, '--specialist', `second=${second}`]
      return ['merge-loras', ...models, '--json', '--overwrite', '--out', out]
    },
    own: lora,
    suffix: '.safetensors',
  },
  { option: 'generate --out', writes: 'file', args: ({ base }, out) => drawn(base, out), suffix: '.png', own: png },
  { option: 'generate --out', writes: 'into folder', args: ({ base }, out) => drawn(base, out) },
  {
    option: 'grid --out',
    writes: 'into folder',
    args: (models, out) => [
      ...['grid', ...folders(models), ...ON_CPU, '--method', 'soup', '--x', 'seed=1', '--prompt', 'x', '--steps', '1'],
      ...['--out', out],
    ],
  },
  {
    option: 'evaluate --csv',
    writes: 'file',
    args: ({ base, data }, out) => ['evaluate', '--model', base, '--data', data, ...ON_CPU, '--csv', out],
    own: () => evaluationAsCsv(NO_FIGURES),
  },
  {
    option: 'evaluate --png',
    writes: 'file',
    args: ({ base, data }, out) => ['evaluate', '--model', base, '--data', data, ...ON_CPU, '--png', out],
    own: png,
  },
  {
    option: 'evaluate --results',
    writes: 'into folder',
    args: ({ base, data }, out) => ['evaluate', '--model', base, '--data', data, ...ON_CPU, ...firstShare(out)],
  },
  {
    option: 'compare --results',
    writes: 'into folder',
    args: (models, out) => ['compare', ...evaluated(models), ...firstShare(out)],
  },
  {
    option: 'search --results',
    writes: 'into folder',
    args: (models, out) => ['search', ...evaluated(models), '--rounds', 'generation', ...firstShare(out)],
  },
  {
    option: 'score --results',
    writes: 'into folder',
    args: ({ picture, clip }, out) => [
      ...['score', picture, '--prompt', 'x', '--clip', clip, ...ON_CPU],
      ...firstShare(out),
    ],
  },
  {
    option: 'compare --csv',
    writes: 'file',
    args: (models, out) => ['compare', ...evaluated(models), '--csv', out],
    own: () => leaderboardAsCsv([]),
  },
  {
    option: 'compare --png',
    writes: 'file',
    args: (models, out) => ['compare', ...evaluated(models), '--png', out],
    own: png,
  },
  {
    option: 'score --csv',
    writes: 'file',
    args: ({ picture, clip }, out) => ['score', picture, '--prompt', 'x', '--clip', clip, ...ON_CPU, '--csv', out],
    own: () => 'file,prompt,clip,image-reward,pick-score,hps,aesthetic\r\n',
  },
  {
    option: 'search --out',
    writes: 'file',
    args: (models, out) => ['search', ...evaluated(models), '--out', out],
    suffix: '.fusion.json',
    own: project,
  },
  {
    option: 'recipe --out',
    writes: 'file',
    args: ({ recipe }, out) => ['recipe', recipe, '--json', '--overwrite', '--out', out],
    suffix: '.fusion.json',
    own: project,
  },
  ...REPORTS.map(({ option, own }): OutputOption => ({
    option: `report ${option}`,
    writes: 'file',
    args: (models, out) => ['report', models.project, ...ON_CPU, '--measure', option, out],
    own,
  })),
  { option: 'demo --out', writes: 'into folder', args: (_, out) => ['demo', ...ON_CPU, '--out', out] },
]

const WITH_MODELS = [
  'grid',
  'plan',
  'merge',
  'reweight',
  'unlearn',
  'inspect',
  'calibrate',
  'compare',
  'search',
  'drift',
]
/** Options whose paths are read, or name a folder in which the program keeps its own data (serve). */
export const INPUT_OPTIONS: ReadonlySet<string> = new Set([
  ...WITH_MODELS.flatMap((command) =>
    ['base', 'specialist', 'vae', 'calibration'].map((name) => `${command} --${name}`),
  ),
  ...['calibrate', 'evaluate', 'compare', 'search', 'drift', 'serve'].map((command) => `${command} --data`),
  ...['unlearn', 'drift', 'compare', 'search'].map((command) => `${command} --pipeline`),
  ...['extract', 'merge-loras'].flatMap((command) => ['base', 'specialist'].map((name) => `${command} --${name}`)),
  ...['calibrate --prompts', 'unlearn --evaluation', 'verify --sources', 'serve --allow', 'convert --vae'],
  ...['model', 'base', 'vae', 'embedding', 'image'].map((name) => `generate --${name}`),
  'work --models',
  'gather --models',
  ...['model', 'merge', 'base'].map((name) => `evaluate --${name}`),
  ...['evaluate', 'compare', 'score', 'search'].flatMap((command) =>
    [...SCORERS, 'aesthetic-clip'].map((name) => `${command} --${name}`),
  ),
  ...['evaluate', 'compare'].map((command) => `${command} --prompt-file`),
  'merge-loras --calibration',
  ...['report', 'history'].map((command) => `${command} --results`),
])

/** The commands that make what `gather` gathers. */
export function jobCommands(models: Models): string[][] {
  return [
    ['plan', ...files(models), ...ON_CPU, '--out', models.job],
    ['work', models.job, '--share', '1/1', ...ON_CPU],
  ]
}

/** Copies of shipped models, and two of one tensor. */
export function makeModels(folder: string): Models {
  const copied = (from: string, name: string): string => {
    cpSync(from, join(folder, name), { recursive: true })
    return join(folder, name)
  }
  const small = [1, 2].map((value) =>
    writeModel(join(folder, 'small', `model-${value}.safetensors`), {
      'layer.weight': tensor([2, 2], [value, 2, 3, 4]),
    }),
  ) as [string, string]
  const loras = [1, 2].map((value) =>
    writeModel(join(folder, 'small', `lora-${value}.safetensors`), {
      'lora_unet_conv_in.lora_down.weight': tensor([1, 4, 3, 3], new Float32Array(36).fill(value)),
      'lora_unet_conv_in.lora_up.weight': tensor([DEMO_CHANNELS, 1, 1, 1], new Float32Array(DEMO_CHANNELS).fill(1)),
    }),
  ) as [string, string]
  const [base, specialist] = [copied(familyFolders[0]!, 'base'), copied(familyFolders[1]!, 'specialist')]
  const data = copied(join(DEMO, 'evaluation'), 'data')
  const picture = join(folder, 'picture.png')
  writeFileSync(picture, png())
  return {
    ...{ base, specialist, small, loras, data, picture, clip: copied('tests/golden/clip/model', 'clip') },
    recipe: writeRecipe(join(folder, 'small', 'recipe.json'), small),
    project: writeProject(join(folder, 'report.fusion.json'), { base, specialist }, data),
    job: join(folder, 'job'),
  }
}

function writeProject(path: string, models: Record<string, string>, data: string): string {
  const entries = Object.entries(models).map(([name, file]) => ({ name, path: file }))
  const project = { format: 'featurefusion-project', version: 1, models: entries, evaluation: { data, pictures: 1 } }
  writeFileSync(path, JSON.stringify(project))
  return path
}

function writeRecipe(path: string, models: readonly string[]): string {
  const entry = (file: string) => ({
    ...{ name: basename(file, '.safetensors'), weight: 1, enabled: true, blocks: {}, layers: [] },
    files: [{ name: basename(file), sha256: '0'.repeat(64) }],
  })
  const settings = { settings: {}, components: ['model'], layout: 'same', dtype: 'same' }
  const recipe = { format: 'featurefusion-recipe', method: 'soup', models: models.map(entry), ...settings }
  writeFileSync(path, JSON.stringify(recipe))
  return path
}
