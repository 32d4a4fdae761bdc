import type { CheckpointSummary, COMPONENTS } from '../../../src-main/contract/document/models'
import { countOf, formatBytes, formatCount, formatNumber, listOf } from '../../shared/format'

const TYPE_WORDS: Record<string, string> = {
  F16: 'float16',
  BF16: 'bfloat16',
  F32: 'float32',
  F64: 'float64',
  F8_E4M3: 'float8 (e4m3)',
  F8_E5M2: 'float8 (e5m2)',
  'F8_E4M3 with scales': 'float8 (e4m3) with scales',
  'F8_E5M2 with scales': 'float8 (e5m2) with scales',
}
const COMPONENT_WORDS: Record<(typeof COMPONENTS)[number], string> = {
  unet: 'UNet',
  text_encoder: 'text encoder',
  text_encoder_2: 'second text encoder',
  vae: 'VAE',
  model: 'weights',
}
const LAYOUT_WORDS: Record<CheckpointSummary['layout'], string> = {
  'diffusers-pipeline': 'diffusers folder, complete',
  'diffusers-component': 'diffusers folder, one part',
  'single-file': 'single file, complete',
  'unet-file': 'single file, UNet',
  'vae-file': 'single file, VAE',
  generic: 'file of unknown layout',
  adapter: 'adapter, no model by itself',
}

export function componentWords(name: string): string {
  const words: Partial<Record<string, string>> = COMPONENT_WORDS
  return words[name] ?? name
}

export function layoutWords(summary: CheckpointSummary): string {
  return LAYOUT_WORDS[summary.layout]
}

/** 'float16', or 'float16 and float32', the most frequent first. */
export function elementTypeWords(types: Record<string, number>): string {
  const names = Object.entries(types).sort(([, a], [, b]) => b - a)
  return listOf(names.map(([name]) => TYPE_WORDS[name] ?? name))
}

/** 'rank 4, alpha 2, 48 modules': what an adapter changes, and how. */
export function adapterWords({ ranks, alphas, modules }: NonNullable<CheckpointSummary['adapter']>): string {
  const facts = [
    ...(ranks.length > 0 ? [`rank ${listOf(ranks.map(formatNumber))}`] : []),
    ...(alphas.length > 0 ? [`alpha ${listOf(alphas.map(formatNumber))}`] : []),
    countOf(modules, 'module'),
  ]
  return facts.join(', ')
}

/** 'UNet, text encoder and VAE'; of an adapter its ranks and modules. */
export function partsWords(summary: CheckpointSummary): string {
  if (summary.adapter) return adapterWords(summary.adapter)
  return listOf(summary.components.map(({ name }) => componentWords(name)))
}

/** '3.4 million parameters'. */
export function parameterWords(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(2)} billion parameters`
  if (count >= 1e6) return `${(count / 1e6).toFixed(1)} million parameters`
  return `${formatCount(count)} parameters`
}

/** What a card says of a model. */
export interface ModelFacts {
  kind: string
  parts: string
  /** What sort of adapter it is; null for a model. */
  form: string | null
  /** As much as fits a narrow card. */
  short: string
  line: string
}

/** The facts of a model from what its headers say. */
export function factWords(summary: CheckpointSummary): ModelFacts {
  const { architectureTitle: kind, adapter } = summary
  const [size, parts] = [formatBytes(summary.size), partsWords(summary)]
  if (!adapter)
    return { kind, parts, form: null, short: size, line: `${size} · ${elementTypeWords(summary.elementTypes)}` }
  const form = kind.replace(/ \(.*\)$/, '')
  const ranked = adapter.ranks.length > 0 ? `${form}, rank ${formatNumber(Math.max(...adapter.ranks))}` : form
  return { kind, parts, form, short: ranked, line: `${ranked} · ${size}` }
}
