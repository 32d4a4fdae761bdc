import type { DenoiserComponent } from '../../contract/values/denoisers'
import { unetSlices, type AttendedSize } from './attention-slices'
import type { BuiltNetwork, NetworkOptions } from './network-graph'
import type { TensorView } from '../checkpoint/model/checkpoint'
import { buildUnet } from './unet'
import { readUnetConfig, type UnetConfig } from './unet-config'

/** A denoiser as a network that runs. */
interface DenoiserGraph {
  /** Its config.json with diffusers' defaults. @throws FusionError 'unsupported' or 'malformed', with the key */
  readConfig(json: Readonly<Record<string, unknown>>): UnetConfig
  /** @throws FusionError 'unsupported', 'malformed' or 'incompatible', naming the config key, or the file and tensor */
  build(
    json: Readonly<Record<string, unknown>>,
    tensors: ReadonlyMap<string, TensorView>,
    options: NetworkOptions,
  ): BuiltNetwork
  /** Slices for NetworkOptions.attention (attention-slices.ts). @param tokens of the text */
  slices(config: UnetConfig, size: AttendedSize, tokens: number): number
}

/** The graph of every denoiser (checkpoint/denoisers). */
export const DENOISER_GRAPHS: Record<DenoiserComponent, DenoiserGraph> = {
  unet: { readConfig: readUnetConfig, build: buildUnet, slices: unetSlices },
}
