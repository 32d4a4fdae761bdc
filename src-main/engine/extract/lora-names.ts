import type { LoraFormat } from '../../contract/adapter-files'
import { ldmUnet } from '../checkpoint/key-maps/unet'
import type { Checkpoint, ComponentName } from '../checkpoint/model/checkpoint'
import { moduleOf } from '../checkpoint/model/module-name'

/** The parts of a model that both namings have. */
export const LORA_COMPONENTS = ['unet', 'text_encoder', 'text_encoder_2'] as const satisfies readonly ComponentName[]
export type LoraComponent = (typeof LORA_COMPONENTS)[number]

/** Names of one layer's tensors in a file. */
export interface LoraKeys {
  up: string
  down: string
  /** null where the format keeps alpha in the metadata. */
  alpha: string | null
}

/** @returns names by a layer's component and its module in diffusers' form (without `.weight`) */
export function loraNaming(format: LoraFormat, base: Checkpoint): (part: LoraComponent, module: string) => LoraKeys {
  if (format === 'peft')
    return (part, module) => {
      const prefix = `${part}.${peftModule(part, module)}`
      return { up: `${prefix}.lora_B.weight`, down: `${prefix}.lora_A.weight`, alpha: null }
    }
  const flat = kohyaNaming(base)
  return (part, module) => {
    const prefix = flat(part, module)
    return { up: `${prefix}.lora_up.weight`, down: `${prefix}.lora_down.weight`, alpha: `${prefix}.alpha` }
  }
}

/**
 * LyCORIS' names for whole changes of biases (`.diff_b`) and of norms (`.w_norm`, `.b_norm`), behind kohya's names of
 * modules; null where the naming has none.
 */
export function wholeChangeNaming(
  format: LoraFormat,
  base: Checkpoint,
): ((part: LoraComponent, tensor: string) => string) | null {
  if (format === 'peft') return null
  const flat = kohyaNaming(base)
  return (part, tensor) => {
    const module = moduleOf(tensor)
    const isNorm = base.components.get(part)?.tensors.get(`${module}.weight`)?.shape.length === 1
    const factor = tensor.endsWith('.bias') ? (isNorm ? 'b_norm' : 'diff_b') : 'w_norm'
    return `${flat(part, module)}.${factor}`
  }
}

/** A module as PEFT's settings name it within its part. */
export function peftModule(part: LoraComponent, module: string): string {
  return part === 'unet' || module.startsWith('text_model.') || module.startsWith('text_projection')
    ? module
    : `text_model.${module}`
}

/** kohya names SDXL's UNet by LDM's blocks, those of SD 1 and 2 by diffusers'; SDXL's text encoders have numbers. */
function kohyaNaming({ components }: Checkpoint): (part: LoraComponent, module: string) => string {
  const unet = [...(components.get('unet')?.tensors.keys() ?? [])]
  const isXl = components.has('text_encoder_2') || unet.includes('add_embedding.linear_1.weight')
  const ldm = isXl ? ldmUnet.fromCanonical(unet) : null
  const prefixes = { unet: 'lora_unet_', text_encoder: isXl ? 'lora_te1_' : 'lora_te_', text_encoder_2: 'lora_te2_' }
  return (part, module) => {
    const name = part === 'unet' ? (ldm?.toStored(module)?.name ?? module) : peftModule(part, module)
    return `${prefixes[part]}${name.replaceAll('.', '_')}`
  }
}
