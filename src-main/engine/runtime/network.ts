import type { BuiltNetwork } from '../architecture/network-graph'
import { createSession, type Session, type SessionOptions, type Tensor } from './session'

/** A network ready to run, with its weights if those are inputs. */
export class Network {
  readonly #session: Session
  #weights: Readonly<Record<string, Tensor>> = {}

  private constructor(session: Session) {
    this.#session = session
  }

  /** @throws FusionError 'device', 'out-of-memory' or 'internal' */
  static async open(built: BuiltNetwork, options: Omit<SessionOptions, 'externalFolder'>): Promise<Network> {
    const { model, externalFolder } = built
    const folder = externalFolder === undefined ? {} : { externalFolder }
    return new Network(await createSession(model, { keepMemory: true, ...options, ...folder }))
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
