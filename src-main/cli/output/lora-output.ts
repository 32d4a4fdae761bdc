import type { LoraLayer } from '../../engine/extract/lora-metadata'
import { bytes, seconds } from './output'

/** Rows of layers that the words show: the ones that lost most. */
const LAYERS_SHOWN = 5

export interface WrittenLora {
  path: string
  layers: readonly LoraLayer[]
  relativeError: number
  bytes: number
  seconds: number
}

/** What a LoRA that was written holds: its size, its ranks, and what it loses. @param what the error is relative to */
export function loraInWords({ path, layers, relativeError, ...result }: WrittenLora, what: string): string[] {
  const ranks = layers.map(({ rank }) => rank)
  const [least, most] = [Math.min(...ranks), Math.max(...ranks)]
  const rank = layers.length === 0 ? '' : `, rank ${least === most ? least : `${least} to ${most}`}`
  const worst = [...layers].sort((a, b) => b.relativeError - a.relativeError).slice(0, LAYERS_SHOWN)
  return [
    `${path}: ${layers.length} layers${rank}, ${bytes(result.bytes)}; in ${seconds(result.seconds)}`,
    `Relative error ${percent(relativeError)} of ${what}; by layer, the largest (--json: all):`,
    ...worst.map(
      (layer) => `  ${percent(layer.relativeError)}  ${layer.component}.${layer.module}, rank ${layer.rank}`,
    ),
  ]
}

/** Names, as many as a line of words has room for. */
export function shownNames(names: readonly string[]): string {
  return `${names.slice(0, LAYERS_SHOWN).join(', ')}${names.length > LAYERS_SHOWN ? ' …' : ''}`
}

/** A share in words; rounding to float16 alone is a few hundredths of a percent. */
export function percent(value: number): string {
  const share = 100 * value
  if (share > 0 && share < 0.001) return 'less than 0.001 %'
  return `${share.toFixed(share > 0 && share < 0.1 ? 3 : 1)} %`
}
