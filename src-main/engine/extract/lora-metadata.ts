import type { LoraFormat } from '../../contract/adapter-files'
import type { Architecture } from '../checkpoint/model/checkpoint'
import { LORA_COMPONENTS, peftModule, type LoraComponent } from './lora-names'

/** A layer of a LoRA that is written; its alpha is its rank, so that up · down is what is added. */
export interface LoraLayer {
  component: LoraComponent
  /** In diffusers' form, without `.weight`. */
  module: string
  rank: number
  /** |D − up · down| / |D| of the factors as they are written. */
  relativeError: number
}

/** kohya's words for the models that a LoRA is for. */
const BASE_VERSIONS: Partial<Record<Architecture, string>> = {
  sd1: 'sd_v1',
  'sd1-inpainting': 'sd_v1',
  'sd1-pix2pix': 'sd_v1',
  sd2: 'sd_v2',
  'sd2-v': 'sd_v2_v',
  'sd2-inpainting': 'sd_v2',
  'sdxl-base': 'sdxl_base_v1-0',
  'sdxl-inpainting': 'sdxl_base_v1-0',
}

/** The metadata that programs look for in a LoRA's file. @param more what else it says, such as how it was made */
export function loraMetadata(
  format: LoraFormat,
  layers: readonly LoraLayer[],
  architecture: Architecture,
  more: Readonly<Record<string, string>>,
): Record<string, string> {
  const version = BASE_VERSIONS[architecture]
  const largest = String(Math.max(0, ...layers.map(({ rank }) => rank)))
  return {
    ss_network_module: 'networks.lora',
    ss_network_dim: largest,
    ss_network_alpha: largest,
    ...(version !== undefined && { ss_base_model_version: version }),
    ...(format === 'peft' && { lora_adapter_metadata: JSON.stringify(peftSettings(layers)) }),
    ...more,
  }
}

/** Settings of every part by PEFT's names for them, as diffusers keeps them: a default, and exceptions by module. */
function peftSettings(layers: readonly LoraLayer[]): Record<string, unknown> {
  const entries = LORA_COMPONENTS.flatMap((part): [string, unknown][] => {
    const own = layers.filter(({ component }) => component === part)
    if (own.length === 0) return []
    const rank = commonest(own.map((layer) => layer.rank))
    const exceptions = own.filter((layer) => layer.rank !== rank)
    const pattern = Object.fromEntries(exceptions.map((layer) => [peftModule(part, layer.module), layer.rank]))
    return [
      [`${part}.r`, rank],
      [`${part}.lora_alpha`, rank],
      [`${part}.rank_pattern`, pattern],
      [`${part}.alpha_pattern`, pattern],
      [`${part}.target_modules`, own.map(({ module }) => peftModule(part, module))],
    ]
  })
  return Object.fromEntries(entries)
}

function commonest(numbers: readonly number[]): number {
  const counts = new Map<number, number>()
  for (const value of numbers) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]![0]
}
