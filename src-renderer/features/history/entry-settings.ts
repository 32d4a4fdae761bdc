import { isSameFile } from '../../../src-main/contract/document/names/model-identity'
import type { MergeSettings } from '../../../src-main/contract/document/merge-settings'
import type { MethodSettings, ModelEntry } from '../../../src-main/contract/document/project'
import type { GridAxis } from '../../../src-main/contract/grid/grid'
import type { DrawnEntry, EvaluationEntry, HistoryEntry, MergeEntry } from '../../../src-main/contract/history'
import { weighsBase } from '../../../src-main/contract/methods/descriptor'
import { describedMethod } from '../../../src-main/contract/methods/index'
import { activeParameters, choiceOf, parameterValue } from '../../../src-main/contract/methods/settings'
import { figure } from '../../../src-main/contract/values/figures'
import { variantLabel } from '../../../src-main/contract/values/variant'
import { listOf } from '../../shared/format'
import { fusionWords } from '../export/fusion-words'
import { componentWords } from '../models/model-words'
import { AXIS_WORDS } from '../preview/grid/axis-words'

/** In this order they are shown. */
export const SETTING_GROUPS = ['Weights', 'Method', 'Pictures', 'Export', 'Evaluation', 'Model files'] as const
export type SettingGroup = (typeof SETTING_GROUPS)[number]

/** One setting of what was made. */
export interface Setting {
  /** Equal for the same setting of other entries. */
  key: string
  group: SettingGroup
  label: string
  /** In words; a list where parts of it can differ. */
  text: string | readonly string[]
  /** What is compared, where the words do not tell it. */
  value?: string
  /** Two entries differ in it only where both have it. */
  isOptional?: boolean
}

type Told = readonly [
  key: string,
  label: string,
  text: string | readonly string[] | undefined,
  value?: string | undefined,
]

/** Settings of a group; what is not there, or is empty, is none. */
function settingsIn(group: SettingGroup, told: readonly Told[]): Setting[] {
  return told.flatMap(([key, label, text, value]) =>
    text === undefined || text.length === 0
      ? []
      : [{ key: `${group}/${key}`, group, label, text, ...(value !== undefined && { value }) }],
  )
}

/** Everything that an entry was made with. @param like models of another entry: the same ones have the same keys */
export function settingsOf(entry: HistoryEntry, like: readonly ModelEntry[] = []): Setting[] {
  const merged = entry.merge ? [...weightSettings(entry.merge, like), ...methodSettings(entry.merge)] : []
  if (entry.kind === 'merge') return [...merged, ...exportSettings(entry)]
  return [...merged, ...(entry.kind === 'evaluation' ? evaluationSettings(entry) : drawingSettings(entry))]
}

function weightSettings({ models, method }: MergeSettings, like: readonly ModelEntry[]): Setting[] {
  return models.flatMap((model, index) => {
    const { name, path, weight, enabled, blocks, layers, strengths, sha256 } = model
    const same = like.find((one) => isSameFile(one, model))
    const key = same?.path ?? path
    const isWeighed = index > 0 || weighsBase(describedMethod(method.name))
    const isDropped = index > 0 && !enabled
    const own: Told[] = [
      ...Object.entries(blocks).map(([block, its]) => [`${key}/${block}`, `${name} in ${block}`, figure(its)] as const),
      [`${key}/layers`, `${name}: layers`, layers.map(layerWords)],
      [`${key}/strengths`, `${name}: strengths`, strengths && strengthWords(strengths)],
    ]
    const file: Told = [key, name, sha256?.slice(0, 10), sha256]
    return [
      ...settingsIn('Weights', [[key, name, isDropped ? 'dropped' : isWeighed ? figure(weight) : 'not weighed']]),
      ...(isDropped ? [] : settingsIn('Weights', own)),
      ...settingsIn('Model files', [file]).map((setting) => ({ ...setting, isOptional: true })),
    ]
  })
}

function strengthWords({ unet, textEncoder }: NonNullable<ModelEntry['strengths']>): string {
  return `UNet ${figure(unet)}, text encoder ${figure(textEncoder)}`
}

function layerWords({ pattern, weight }: ModelEntry['layers'][number]): string {
  return `${pattern}: ${figure(weight)}`
}

function methodSettings({ method, prediction, ema, output }: MergeSettings): Setting[] {
  const described = describedMethod(method.name)
  return settingsIn('Method', [
    ['name', 'Method', described.title],
    ...activeParameters(described, method).map(
      (parameter) => [parameter.key, parameter.label, parameterText(parameter, method)] as const,
    ),
    ['align', 'Hidden units', method.align ? 'aligned with the base’s' : undefined],
    ['layerKinds', 'Kinds of layers', method.layerKinds.map(kindWords)],
    ['gains', 'Gains', method.gains.map(layerWords)],
    ['calibration', 'Calibration', method.calibration],
    ['prediction', 'Models predict', prediction],
    ['ema', 'EMA copies', ema === 'use' ? 'take the place of the weights' : undefined],
    ['include', 'Merged parts', output.include.map(componentWords)],
    ['vae', 'VAE of', output.vae],
    ['dtype', 'Element type', output.dtype === 'same' ? 'as the base' : output.dtype],
  ])
}

function parameterText(parameter: Parameters<typeof choiceOf>[0], settings: MethodSettings): string {
  const value = parameterValue(parameter, settings)
  return choiceOf(parameter, settings)?.label ?? (typeof value === 'number' ? figure(value) : value)
}

function kindWords({ pattern, transposedConvolution, groups }: MethodSettings['layerKinds'][number]): string {
  return `${pattern}:${transposedConvolution ? ' transposed' : ''} ${groups} groups`
}

function exportSettings({ merge, written, fusion }: MergeEntry): Setting[] {
  const { layout, shardBytes, title, author, license, notes, thumbnail } = written
  return settingsIn('Export', [
    ['layout', 'Layout', layout === 'same' ? 'as the base' : layout],
    ['shardBytes', 'Shards of', shardBytes === undefined ? undefined : `${figure(shardBytes)} bytes`],
    ['title', 'Title', title],
    ['author', 'Author', author],
    ['license', 'Licence', license],
    ['notes', 'Notes', notes],
    ['thumbnail', 'Thumbnail', thumbnail && 'a picture', thumbnail],
    ['reuse', 'Intermediate results', merge.method.reuse ? 'kept and added up' : undefined],
    ['fusion', 'One LoRA', fusion ? fusionWords(fusion) : undefined],
  ])
}

function drawingSettings({ drawn }: DrawnEntry): Setting[] {
  const { prompts, negativePrompt, seeds, steps, guidance, scheduler, variants = [], book, grid } = drawn
  const style = book?.styles.find(({ name }) => name === book.style)
  return settingsIn('Pictures', [
    ['prompts', 'Prompts', prompts],
    ['style', 'Style', style && `${style.before} … ${style.after}`.trim()],
    ['negativePrompt', 'Negative prompt', negativePrompt],
    ['seeds', 'Seeds', seeds.map(String)],
    ['steps', 'Steps', figure(steps)],
    ['guidance', 'Guidance scale', figure(guidance)],
    ['scheduler', 'Scheduler', scheduler],
    ['variants', 'Drawn by', variants.map(variantLabel)],
    ['x', 'X', grid && axisText(grid.x)],
    ['y', 'Y', grid?.y ? axisText(grid.y) : undefined],
    ['z', 'Z', grid?.z ? axisText(grid.z) : undefined],
  ])
}

function axisText({ kind, of, values }: GridAxis): string {
  return `${AXIS_WORDS[kind].title}${of === '' ? '' : ` of ${of}`}: ${values.split('\n').join(' | ')}`
}

function evaluationSettings({ part, folder, split }: EvaluationEntry): Setting[] {
  return settingsIn('Evaluation', [
    ['part', 'What', part],
    ['folder', 'Pictures of', folder],
    ['split', 'Split', split],
  ])
}

/** A setting's words in one line. */
export function settingText({ text }: Pick<Setting, 'text'>): string {
  return typeof text === 'string' ? text : listOf(text)
}
