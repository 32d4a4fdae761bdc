import type { BuiltNetwork } from '../architecture/network-graph'
import { createSession, type Session, type SessionOptions, type Tensor } from './session'

/**
 * Up to this size a network's convolution weights are worth reordering into blocks (SessionOptions.optimization): the
 * VAE's decoder and tiny UNets run a tenth faster; Stable Diffusion's UNet would load 25 s longer for nothing.
 */
const MAX_REORDERED_BYTES = 256e6

/** A network ready to run, with its weights if those are inputs. */
export class Network {
  readonly #session: Session
  #weights: Readonly<Record<string, Tensor>> = {}

  private constructor(session: Session) {
    this.#session = session
  }

  /** @throws FusionError 'device', 'out-of-memory' or 'internal' */
  static async open(built: BuiltNetwork, options: Omit<SessionOptions, 'externalFolder'>): Promise<Network> {
    const { model, externalFolder, weightBytes } = built
    return new Network(
      await createSession(model, {
        keepMemory: true,
        ...(weightBytes <= MAX_REORDERED_BYTES && { optimization: 'all' }),
        ...(externalFolder !== undefined && { externalFolder }),
        ...options,
      }),
    )
  }

  /** Weights for the following runs of a network whose weights are inputs (BuiltNetwork.weightInputs). */
  setWeights(weights: Readonly<Record<string, Tensor>>): void {
    this.#weights = weights
  }

  /** @throws FusionError 'device', 'out-of-memory' or 'internal' */
  run(feeds: Readonly<Record<string, Tensor>>, outputs?: readonly string[]): Promise<Record<string, Tensor>> {
    return this.#session.run({ ...this.#weights, ...feeds }, outputs)
  }

  release(): Promise<void> {
    return this.#session.release()
  }
}
