import type { Checkpoint, ComponentName } from '../checkpoint/model/checkpoint'
import { ldmUnet } from '../checkpoint/key-maps/unet'

/** A module of a checkpoint: in diffusers' form, without `.weight`. */
export interface ModulePlace {
  component: ComponentName
  module: string
}

/** Where a module's name in an adapter leads. */
export interface FoundModule {
  /** The components that the name can mean. */
  components: readonly ComponentName[]
  /** Modules of the checkpoint that the name fits, likeliest first; which one it is, shapes tell. */
  places: readonly ModulePlace[]
}

const ALL: readonly ComponentName[] = ['unet', 'text_encoder', 'text_encoder_2']

/** kohya's prefixes (before names whose dots became underscores), and that of LyCORIS' wrapper. */
const FLAT_PREFIXES: readonly (readonly [string, readonly ComponentName[]])[] = [
  ['lora_unet_', ['unet']],
  ['lora_te1_', ['text_encoder']],
  ['lora_te2_', ['text_encoder_2']],
  ['lora_te_', ['text_encoder', 'text_encoder_2']],
  ['lycoris_', ALL],
]

/** Prefixes before names with dots: diffusers', ComfyUI's, OneTrainer's (OMI). Longer ones first. */
const DOTTED_PREFIXES: readonly (readonly [string, readonly ComponentName[]])[] = [
  ['text_encoders.clip_l.transformer.', ['text_encoder']],
  ['text_encoders.clip_g.transformer.', ['text_encoder_2']],
  ['model.diffusion_model.', ['unet']],
  ['diffusion_model.', ['unet']],
  ['text_encoder_2.', ['text_encoder_2']],
  ['text_encoder.', ['text_encoder']],
  ['clip_l.', ['text_encoder']],
  ['clip_g.', ['text_encoder_2']],
  ['unet.', ['unet']],
]

/** PEFT's wrapper, in front of all or behind a part's name. */
const WRAPPER = 'base_model.model.'

/** Whether a name is PEFT's own. */
export function isWrapped(name: string): boolean {
  return name.includes(WRAPPER)
}

/** The parts of CLIP's attention as diffusers' first LoRA files name them. */
const OLD_CLIP_NAMES: readonly (readonly [string, string])[] = [
  ['self_attn.q_proj', 'self_attn.to_q'],
  ['self_attn.k_proj', 'self_attn.to_k'],
  ['self_attn.v_proj', 'self_attn.to_v'],
  ['self_attn.out_proj', 'self_attn.to_out'],
]

interface ComponentModules {
  byName: Map<string, string[]>
  /** By the same names with underscores for dots: which dot was which is lost, so names are compared, never parsed. */
  byFlatName: Map<string, string[]>
}

/** The modules of a checkpoint by every name that adapter files have for them. */
export class ModuleNames {
  private readonly components = new Map<ComponentName, ComponentModules>()

  constructor(checkpoint: Pick<Checkpoint, 'components'>) {
    for (const name of ALL) {
      const component = checkpoint.components.get(name)
      if (component) this.components.set(name, namesOf(name, [...component.tensors.keys()]))
    }
  }

  /** The modules that a name in an adapter file can mean. */
  find(name: string): FoundModule {
    for (const [prefix, components] of FLAT_PREFIXES) {
      if (name.startsWith(prefix)) return this.among(components, name.slice(prefix.length), 'byFlatName')
    }
    const unwrapped = without(WRAPPER, name)
    for (const [prefix, components] of DOTTED_PREFIXES) {
      if (!unwrapped.startsWith(prefix)) continue
      return this.among(components, without(WRAPPER, unwrapped.slice(prefix.length)), 'byName')
    }
    return this.among(ALL, unwrapped, 'byName')
  }

  private among(components: readonly ComponentName[], name: string, table: keyof ComponentModules): FoundModule {
    const places = components.flatMap((component) =>
      (this.components.get(component)?.[table].get(name) ?? []).map((module) => ({ component, module })),
    )
    return { components, places }
  }
}

function without(prefix: string, name: string): string {
  return name.startsWith(prefix) ? name.slice(prefix.length) : name
}

function namesOf(component: ComponentName, tensors: readonly string[]): ComponentModules {
  const byName = new Map<string, string[]>()
  const byFlatName = new Map<string, string[]>()
  const ldm = component === 'unet' ? ldmUnet.fromCanonical(tensors) : undefined
  for (const tensor of tensors) {
    if (!tensor.endsWith('.weight')) continue
    const module = tensor.slice(0, -'.weight'.length)
    const aliases = component === 'unet' ? unetNames(module, ldm?.toStored(module)?.name) : clipNames(module)
    for (const alias of new Set(aliases)) {
      add(byName, alias, module)
      add(byFlatName, alias.replaceAll('.', '_'), module)
    }
  }
  return { byName, byFlatName }
}

function unetNames(module: string, ldmName: string | undefined): string[] {
  const attention = /^(.*\.attn[12])\.(to_[qkv]|to_out)(?:\.0)?$/.exec(module)
  const old = attention ? [`${attention[1]}.processor.${attention[2]}`, `${attention[1]}.${attention[2]}`] : []
  return [module, ...(ldmName === undefined ? [] : [ldmName]), ...old]
}

/** CLIP's modules with and without the prefix `text_model.` (transformers 5). */
function clipNames(module: string): string[] {
  const old = OLD_CLIP_NAMES.flatMap(([ours, theirs]) =>
    module.endsWith(ours) ? [module.slice(0, -ours.length) + theirs] : [],
  )
  return [module, ...old].flatMap((name) => [name, without('text_model.', name)])
}

function add(map: Map<string, string[]>, name: string, module: string): void {
  const known = map.get(name)
  if (!known) map.set(name, [module])
  else if (!known.includes(module)) known.push(module)
}
