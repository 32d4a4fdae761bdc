import { FusionError } from '../../contract/errors'
import { vaeSlices } from '../architecture/attention-slices'
import { buildClipText } from '../architecture/clip-text'
import type { BuiltNetwork, LayerInput, NetworkOptions, WeightInput } from '../architecture/network-graph'
import { DENOISER_GRAPHS } from '../architecture/denoiser-graphs'
import { buildVaeDecoder, buildVaeEncoder, readVaeConfig } from '../architecture/vae'
import type { Checkpoint, Component } from '../checkpoint/model/checkpoint'
import { vaeFor } from '../checkpoint/identify/infer-config'
import { refuseOtherLatents } from '../checkpoint/latents'
import { missingProjection } from '../checkpoint/text-projection'
import { convolutionBlock } from '../runtime/blocked-convolution'
import { requireDeviceMemory, weightBytes } from '../runtime/memory'
import { MAX_REORDERED_BYTES, Network } from '../runtime/network'
import { chooseDevice, providerAbilities, type Device, type ProviderStatus } from '../runtime/providers'
import type { Provider, SessionOptions } from '../runtime/session'
import { Pipeline } from './pipeline'
import {
  configOf,
  correctedSchedulerConfig,
  denoiserOwner,
  findComponent,
  forcesZeros,
  nativeSize,
  requireComponent,
  requireDenoiser,
  schedulerConfigOf,
  STABLE_DIFFUSION_SCHEDULER,
  tokenizerOf,
} from './pipeline-parts'
import type { TextEncoder } from './prompt-encoder'
import { TOKEN_LIMIT } from '../tokenizer/tokenizer'
import { feedComputed } from './weight-inputs'
import { addedTokens, type TextualInversion } from './textual-inversion'

export interface LoadOptions {
  /** A whole pipeline that lends the parts that the checkpoint lacks. */
  base?: Checkpoint
  /** Another VAE than the checkpoint's. */
  vae?: Checkpoint
  /** A choice, or what the host's probe found out. */
  device: Device | Provider | ProviderStatus
  threads?: number
  /** Path of the bundled CLIP table (resources/clip), for single files. */
  clipVocabulary?: string
  /** Words of their own. */
  textualInversions?: readonly TextualInversion[]
  /** The UNet's weights are inputs, to be given by `setUnetWeights` before every change. */
  liveUnet?: boolean
  /** Layers of the UNet whose inputs its runs show (NetworkOptions.layerInputs). */
  layerInputs?: readonly string[]
}

/**
 * Loads what text-to-image needs, from a checkpoint and the base that lends the rest: text encoders and UNet at once, the
 * VAE where something is decoded or encoded.
 * @throws FusionError 'incompatible' (a part is missing), 'unsupported', 'malformed', 'device', 'out-of-memory'
 */
export async function loadPipeline(checkpoint: Checkpoint, options: LoadOptions): Promise<Pipeline> {
  const { base, threads } = options
  const device = await chooseDevice(options.device)
  const { provider } = device
  const abilities = providerAbilities(device)
  const runtime: SessionOptions = { provider, ...(threads !== undefined && { threads }) }
  const networkOptions: NetworkOptions = { ...abilities, weights: 'initializers' }

  const unet = requireDenoiser(checkpoint, base)
  const vae = vaeOf(checkpoint, options)
  refuseOtherLatents(unet, vae)
  refuseMissingProjection(checkpoint, base)
  const second = findComponent('text_encoder_2', checkpoint, base)
  const encoders = [requireComponent('text_encoder', checkpoint, base), ...(second ? [second] : [])]
  const graph = DENOISER_GRAPHS[unet.name]
  const unetConfig = graph.readConfig(configOf(unet, checkpoint))
  const vaeConfig = readVaeConfig(configOf(vae, checkpoint))
  const schedulerConfig = schedulerConfigOf(checkpoint, base)
  if (unetConfig.inChannels !== vaeConfig.latentChannels)
    throw new FusionError(
      'unsupported',
      `The UNet of ${checkpoint.path} takes ${unetConfig.inChannels} channels, not the ${vaeConfig.latentChannels} of latents: an inpainting or editing model.`,
      { hint: 'Such models can be merged, but not run here.' },
    )
  const { computeType } = abilities
  const vaeOptions: NetworkOptions = { ...networkOptions, computeType: vaeConfig.forceUpcast ? 'F32' : computeType }
  const loadedBytes = [unet, ...encoders].reduce(
    (sum, { tensors }) => sum + weightBytes(tensors.values(), computeType),
    weightBytes(vae.tensors.values(), vaeOptions.computeType),
  )
  requireDeviceMemory(device, `Running ${checkpoint.path}`, loadedBytes)

  const opened: Network[] = []
  const keep = async (opening: Promise<Network>): Promise<Network> => {
    const network = await opening
    opened.push(network)
    return network
  }
  /** Plain attention in slices: as many at first as one guided picture of the model's own size needs. */
  const openAttending = (
    build: (options: NetworkOptions) => BuiltNetwork,
    built: NetworkOptions,
    slices: number,
  ): Promise<Network> =>
    keep(
      built.attention === 'fused'
        ? Network.open(build(built), runtime)
        : Network.openSliced((attention) => build({ ...built, attention }), slices, runtime),
    )
  try {
    const textEncoders = await openTextEncoders(encoders, checkpoint, options, networkOptions, keep, runtime)
    const pixels = nativeSize(configOf(unet, checkpoint), vaeConfig.scale)
    const native = { height: pixels.height / vaeConfig.scale, width: pixels.width / vaeConfig.scale }
    let weightInputs: readonly WeightInput[] = []
    let layerInputs: readonly LayerInput[] = []
    const unetNetwork = await openAttending(
      (built) => {
        const network = graph.build(configOf(unet, checkpoint), unet.tensors, built)
        weightInputs = network.weightInputs
        layerInputs = network.layerInputs
        return network
      },
      {
        ...networkOptions,
        // The fused operator has no float32 scores in float16 (layers.ts): plain attention either way.
        ...(unetConfig.upcastAttention && computeType === 'F16' && { attention: 1 }),
        ...(options.liveUnet && (await liveOptions(unet, provider))),
        ...(options.layerInputs && { layerInputs: options.layerInputs }),
      },
      graph.slices(unetConfig, { batch: 2, ...native }, TOKEN_LIMIT),
    )
    if (!options.liveUnet) feedComputed(unetNetwork, weightInputs)
    const openVae = (build: typeof buildVaeDecoder): Promise<Network> =>
      openAttending(
        (built) => build(configOf(vae, checkpoint), vae.tensors, built),
        vaeOptions,
        vaeSlices(vaeConfig, { batch: 1, ...native }),
      )
    let decoder: Promise<Network> | undefined
    return new Pipeline({
      device,
      loadedBytes,
      networks: opened,
      textEncoders,
      unet: unetNetwork,
      unetConfig,
      unetWeightInputs: options.liveUnet ? weightInputs : [],
      layerInputs,
      // Stable Diffusion 1's and 2's pipelines know no means and deviations.
      vae: {
        config: second ? vaeConfig : { ...vaeConfig, latentStatistics: null },
        decoder: () => (decoder ??= openVae(buildVaeDecoder)),
      },
      openVaeEncoder: () => openVae(buildVaeEncoder),
      schedulerConfig: second ? schedulerConfig : correctedSchedulerConfig(schedulerConfig),
      schedulerDefaults: second ? {} : STABLE_DIFFUSION_SCHEDULER,
      nativeSize: pixels,
      zerosWithoutNegative:
        second !== undefined &&
        forcesZeros(checkpoint.components.has('text_encoder') ? checkpoint : (base ?? checkpoint)),
    })
  } catch (error) {
    for (const network of opened) await network.release()
    throw error
  }
}

/** @throws FusionError 'incompatible' for a second text encoder that cannot serve pictures */
function refuseMissingProjection(checkpoint: Checkpoint, base: Checkpoint | undefined): void {
  const owner = [checkpoint, base].find((candidate) => candidate?.components.has('text_encoder_2'))
  const message = owner && missingProjection(owner)
  if (message !== undefined) throw new FusionError('incompatible', message)
}

/** @throws FusionError 'incompatible' where the file that should bring the VAE has none */
function vaeOf(checkpoint: Checkpoint, { base, vae }: Pick<LoadOptions, 'base' | 'vae'>): Component {
  const lender = vae ?? [checkpoint, base].find((candidate) => candidate?.components.has('vae'))
  const { architecture } = denoiserOwner(checkpoint, base)
  return (lender && vaeFor(architecture, lender)) ?? requireComponent('vae', vae ?? checkpoint, vae ? undefined : base)
}

/** How a network takes fed weights: on a CPU, filters of a small one in blocks, which its constant ones would get too. */
async function liveOptions({ tensors }: Component, provider: Provider): Promise<Partial<NetworkOptions>> {
  const small = provider === 'cpu' && weightBytes(tensors.values(), 'F32') <= MAX_REORDERED_BYTES
  const block = small ? await convolutionBlock() : null
  return { weights: 'inputs', ...(block !== null && { convolutionBlock: block }) }
}

/**
 * The UNet and VAE of `pipeline` with what another checkpoint brings: its scheduler (what it predicts), and its text
 * encoders where it has any. To release it frees these alone.
 * @param options as for loadPipeline; device and threads as `pipeline` has them
 * @returns `pipeline` itself where nothing differs
 */
export async function withPartsOf(
  checkpoint: Checkpoint,
  pipeline: Pipeline,
  options: Omit<LoadOptions, 'device'>,
): Promise<Pipeline> {
  const { parts } = pipeline
  const { base, threads } = options
  const names = TEXT_ENCODERS.slice(0, parts.textEncoders.length)
  const found = schedulerConfigOf(checkpoint, base)
  const schedulerConfig = names.length > 1 ? found : correctedSchedulerConfig(found)
  if (!checkpoint.components.has('text_encoder') || checkpoint.path === base?.path) {
    const isSame = JSON.stringify(schedulerConfig) === JSON.stringify(parts.schedulerConfig)
    return isSame ? pipeline : new Pipeline({ ...parts, networks: [], schedulerConfig })
  }
  const networks: Network[] = []
  const keep = async (opening: Promise<Network>): Promise<Network> => {
    const network = await opening
    networks.push(network)
    return network
  }
  try {
    const textEncoders = await openTextEncoders(
      names.map((name) => requireComponent(name, checkpoint, base)),
      checkpoint,
      options,
      { ...providerAbilities(parts.device), weights: 'initializers' },
      keep,
      { provider: parts.device.provider, ...(threads !== undefined && { threads }) },
    )
    return new Pipeline({ ...parts, networks, textEncoders, schedulerConfig })
  } catch (error) {
    for (const network of networks) await network.release()
    throw error
  }
}

const TEXT_ENCODERS = ['text_encoder', 'text_encoder_2'] as const

async function openTextEncoders(
  encoders: readonly Component[],
  checkpoint: Checkpoint,
  { base, clipVocabulary, textualInversions = [] }: Omit<LoadOptions, 'device'>,
  networkOptions: NetworkOptions,
  keep: (opening: Promise<Network>) => Promise<Network>,
  runtime: SessionOptions,
): Promise<TextEncoder[]> {
  const textEncoders: TextEncoder[] = []
  for (const encoder of encoders) {
    const name = encoder.name as 'text_encoder' | 'text_encoder_2'
    const config = configOf(encoder, checkpoint)
    const size = { vocabulary: Number(config['vocab_size'] ?? 49408), width: Number(config['hidden_size'] ?? 512) }
    const added = addedTokens(textualInversions, name, size)
    const built = buildClipText(config, encoder.tensors, networkOptions, added.table)
    const network = await keep(Network.open(built, runtime))
    feedComputed(network, built.weightInputs)
    textEncoders.push({
      tokenizer: tokenizerOf(name, checkpoint, base, clipVocabulary).withTokens(added.ids),
      network,
      layers: Number(config['num_hidden_layers'] ?? 12),
      vectors: size.vocabulary + added.table.length / size.width,
    })
  }
  return textEncoders
}
