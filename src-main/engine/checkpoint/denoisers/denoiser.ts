import type { DenoiserComponent } from '../../../contract/values/denoisers'
import type { Section } from '../key-maps/single-file'
import type { Architecture, Component, Layout } from '../model/checkpoint'

/** A kind of network that predicts noise, as files hold it. */
export interface Denoiser {
  /** Its component, which is also its folder in a pipeline. */
  readonly component: DenoiserComponent
  /** diffusers' class. */
  readonly className: string
  /** The layout of a file that holds it alone. */
  readonly fileLayout: Layout
  /** Where the single files of its architectures have it, with its key map. */
  readonly section: Section
  /** Where a file that holds it alone has it: by every prefix, with its key map; the last has no prefix. */
  readonly fileSections: readonly Section[]
  /** A tensor that it has in files of other names than diffusers' (LDM's), without prefix. */
  readonly otherNamesTensor: string

  /** Whether tensors are its, in diffusers' form. @param has whether there is a tensor of this name */
  isIn(has: (name: string) => boolean): boolean

  /** The architecture that its shapes tell, whatever it predicts; 'unknown' where they tell none. */
  architectureOf(component: Component): Architecture

  /**
   * The config.json that it would have (infer-config.ts).
   * @param pooledWidth of the text that the network gets beside the sizes (SDXL), where its encoder is at hand
   */
  inferConfig(component: Component, architecture: Architecture, pooledWidth?: number): Record<string, unknown>

  /** The blocks by which mergers weigh it. @param names of its tensors */
  blocks(names: Iterable<string>): DenoiserBlocks
}

/** The blocks of one network. */
export interface DenoiserBlocks {
  /** All numbered ones, in network order. */
  readonly labels: readonly string[]
  /** The block of a tensor; undefined for what is outside all numbered ones. */
  blockOf(name: string): string | undefined
}
