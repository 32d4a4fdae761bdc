import { toErrorReport } from '../../../contract/errors'
import { TensorReader } from '../../checkpoint/containers/tensor-reader'
import { FloatEncoder } from '../../tensor/float-encoder'
import { Kernels } from '../../tensor/kernels'
import { MatrixProducts } from '../../linear-algebra/matrix-products'
import { methodNamed } from '../methods/index'
import { FusionSessions } from '../fusion/statistics'
import { FusionMerger, layerMemory, MatrixMerger, runLayer } from '../run-layer'
import type { LayerReply, LayerThreadSetup, LayerWork } from './layer-thread'

/** How often the other side hears that this thread still works. */
const LIFE_SIGN_MS = 1000

/** The other side of LayerThread: merges the layers that come, one after the other. */
export function serveLayers({ port, signal, sources, threads }: LayerThreadSetup['layers']): void {
  const counter = new Int32Array(signal)
  const notify = (): void => {
    Atomics.add(counter, 0, 1)
    Atomics.notify(counter, 0)
  }
  const reader = new TensorReader(sources)
  const encoder = new FloatEncoder()
  const sessions = new FusionSessions('cpu', threads)
  const products = new MatrixProducts('cpu', threads)
  const life = setInterval(notify, LIFE_SIGN_MS)
  let working = Promise.resolve()
  const mergeLayer = async ({
    task,
    settings,
    weightBytes,
    biasBytes,
  }: LayerWork): Promise<Uint8Array<ArrayBuffer>[]> => {
    const [weight, bias] = [new Uint8Array(weightBytes), new Uint8Array(biasBytes)]
    const method = methodNamed(settings.name)
    const pause = (): Promise<void> => Promise.resolve()
    const merger =
      method.kind === 'matrix'
        ? new MatrixMerger(method, settings, products, pause)
        : new FusionMerger(null, 'all', settings, sessions, pause)
    const kernels = new Kernels(layerMemory(task, reader, settings, null))
    await runLayer(
      task,
      merger,
      { reader, kernels, encoder },
      {
        weight: (at, bytes) => weight.set(bytes, at),
        bias: (at, bytes) => bias.set(bytes, at),
      },
    )
    return [weight, bias]
  }
  const answer = async (work: LayerWork): Promise<void> => {
    let reply: LayerReply
    try {
      reply = { results: await mergeLayer(work) }
    } catch (error) {
      reply = { error: toErrorReport(error) }
    }
    port.postMessage(reply, 'results' in reply ? reply.results.map(({ buffer }) => buffer) : [])
    notify()
  }
  port.on('message', (work: LayerWork) => {
    working = working.then(() => answer(work))
  })
  port.on('close', () => {
    clearInterval(life)
    void working.then(() => Promise.all([sessions.release(), products.release()])).finally(() => reader.close())
  })
}
