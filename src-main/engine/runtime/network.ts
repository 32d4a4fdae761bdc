import { FusionError } from '../../contract/errors'
import type { BuiltNetwork, WeightInput } from '../architecture/network-graph'
import { blockFilters } from './blocked-convolution'
import {
  createSession,
  prepareTensors,
  type PreparedTensors,
  type Session,
  type SessionOptions,
  type Tensor,
} from './session'

/**
 * Up to this size a network's convolution weights are worth reordering into blocks (SessionOptions.optimization, or
 * blocked-convolution.ts where they are fed): the VAE's decoder and tiny UNets run up to a fifth faster; Stable
 * Diffusion's UNet would load 25 s longer for nothing.
 */
export const MAX_REORDERED_BYTES = 256e6

type RuntimeOptions = Omit<SessionOptions, 'externalFolder'>

/** Builds the graph of one network with its attention in so many slices. */
export type SlicedBuild = (slices: number) => BuiltNetwork

/** Sees a run: its outputs, and its inputs without the weights. */
type Observer = (outputs: Readonly<Record<string, Tensor>>, inputs: Readonly<Record<string, Tensor>>) => void

/** A network ready to run, with its weights if those are inputs. */
export class Network {
  readonly #options: RuntimeOptions
  #session: Session | undefined
  #weights: PreparedTensors = {}
  #blocked: readonly WeightInput[] = []
  #sliced: { build: SlicedBuild; slices: number } | undefined
  #observer: Observer | undefined

  private constructor(options: RuntimeOptions) {
    this.#options = options
  }

  /** @throws FusionError 'device', 'out-of-memory' or 'internal' */
  static async open(built: BuiltNetwork, options: RuntimeOptions): Promise<Network> {
    const network = new Network(options)
    await network.#open(built)
    return network
  }

  /**
   * The same for plain attention, which `fitSlices` cuts finer where a larger request needs it.
   * @throws FusionError 'device', 'out-of-memory' or 'internal'
   */
  static async openSliced(build: SlicedBuild, slices: number, options: RuntimeOptions): Promise<Network> {
    const network = new Network(options)
    network.#sliced = { build, slices: 0 }
    await network.fitSlices(slices)
    return network
  }

  /**
   * Makes sure that attention runs in at least so many slices: opens the network again if it has fewer, and keeps it so.
   * Weights that were set stay. Nothing to do for fused attention.
   * @throws FusionError 'device', 'out-of-memory' or 'internal'; then the next call tries again
   */
  async fitSlices(slices: number): Promise<void> {
    const sliced = this.#sliced
    if (!sliced || slices <= sliced.slices) return
    // The old one goes first: a device may not hold both.
    sliced.slices = 0
    await this.release()
    await this.#open(sliced.build(slices))
    sliced.slices = slices
  }

  /**
   * Weights for the following runs of a network whose weights are inputs (BuiltNetwork.weightInputs), as checkpoints
   * have them. Tensors are read now or with every run: who changes them sets them again.
   * @throws FusionError 'internal' for a tensor whose length is not that of its dimensions
   */
  setWeights(weights: Readonly<Record<string, Tensor>>): void {
    const blocked = this.#blocked.flatMap(({ name, dims, block }): [string, Tensor][] => {
      const given = weights[name]
      if (!given) return []
      const into = this.#weights[name]?.data as Float32Array | undefined
      return [[name, { data: blockFilters(given.data as Float32Array, dims, block!, into), dims }]]
    })
    this.#weights = prepareTensors({ ...weights, ...Object.fromEntries(blocked) })
  }

  /** Shows the outputs and inputs of every following run to `observer`, whoever asked for it. */
  observe(observer: Observer): void {
    this.#observer = observer
  }

  /** @throws FusionError 'device', 'out-of-memory' or 'internal' */
  async run(feeds: Readonly<Record<string, Tensor>>, outputs?: readonly string[]): Promise<Record<string, Tensor>> {
    if (!this.#session) throw new FusionError('internal', 'A network was run after its release.')
    const results = await this.#session.run(feeds, outputs, this.#weights)
    this.#observer?.(results, feeds)
    return results
  }

  async release(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await session?.release()
  }

  async #open({ model, externalFolder, weightBytes, weightInputs }: BuiltNetwork): Promise<void> {
    this.#blocked = weightInputs.filter(({ block }) => block !== undefined)
    this.#session = await createSession(model, {
      keepMemory: true,
      ...(weightBytes <= MAX_REORDERED_BYTES && { optimization: 'all' }),
      ...(externalFolder !== undefined && { externalFolder }),
      ...this.#options,
    })
  }
}
