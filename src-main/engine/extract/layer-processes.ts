import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { FusionError, fromErrorReport, type ErrorReport } from '../../contract/errors'
import { orCancelled, yieldOrCancel } from '../cancel'
import type { SourceFile } from '../checkpoint/containers/container'
import { elementCount } from '../tensor/element-type'
import { LayerFactorizer, type LayerFactors, type LayerToFactor } from './layer-factors'

/** What a process gets first; each further message is a layer. */
export interface ProcessSetup {
  sources: readonly SourceFile[]
}

/** A process's answer to one layer. */
export type ProcessReply = { factors: LayerFactors | null } | { error: ErrorReport }

export interface FactorOptions {
  /** The built extract-process; without it all layers are factored in this process. */
  processFile: URL | null
  processes: number
  sources: readonly SourceFile[]
  signal?: AbortSignal
}

/** Below this many elements, starting processes costs more than it saves. */
const WORTH_PROCESSES = 20_000_000

/**
 * Factors layers in several processes (ONNX Runtime runs on no worker thread, and one product at a time in a process).
 * Each product has one thread, so that the result does not depend on the number of processes.
 * @param onDone called with each layer's factors, in the order of the layers
 * @throws FusionError of the first layer that fails; 'cancelled'. No process is left when it throws.
 */
export async function factorLayers<Layer extends LayerToFactor>(
  layers: readonly Layer[],
  options: FactorOptions,
  onDone: (layer: Layer, factors: LayerFactors | null) => void,
): Promise<void> {
  const { processFile, processes, sources, signal } = options
  const elements = layers.reduce((sum, { base }) => sum + elementCount(base.shape), 0)
  if (!processFile || elements < WORTH_PROCESSES) return factorHere(layers, sources, signal, onDone)
  let next = 0
  const inOrder = new InOrder<LayerFactors | null>((index, factors) => onDone(layers[index]!, factors))
  const children: ChildProcess[] = []
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = fork(fileURLToPath(processFile), [String(process.pid)], {
        serialization: 'advanced',
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      })
      children.push(child)
      let index = -1
      const proceed = (): void => {
        index = next++
        const layer = layers[index]
        if (!layer) return resolve()
        const { base, specialist, kept, type } = layer
        child.send({ base, specialist, kept, type } satisfies LayerToFactor, (error) => error && reject(error))
      }
      child.on('message', (reply: ProcessReply) => {
        if ('error' in reply) return reject(fromErrorReport(reply.error))
        inOrder.add(index, reply.factors)
        proceed()
      })
      child.on('error', reject)
      child.on('exit', (code, by) => {
        reject(new FusionError('internal', `A process that extracts layers ended (${by ?? code}).`))
      })
      child.send({ sources } satisfies ProcessSetup)
      proceed()
    })
  try {
    await orCancelled(signal, () => Promise.all(Array.from({ length: Math.min(processes, layers.length) }, work)))
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
}

async function factorHere<Layer extends LayerToFactor>(
  layers: readonly Layer[],
  sources: readonly SourceFile[],
  signal: AbortSignal | undefined,
  onDone: (layer: Layer, factors: LayerFactors | null) => void,
): Promise<void> {
  const factorizer = new LayerFactorizer(sources, 1)
  try {
    for (const layer of layers) {
      await yieldOrCancel(signal)
      onDone(layer, await factorizer.factor(layer))
    }
  } finally {
    await factorizer.release()
  }
}

/** Passes results on in the order of their numbers, whatever the order in which they come. */
class InOrder<Result> {
  private readonly waiting = new Map<number, Result>()
  private next = 0

  constructor(private readonly pass: (index: number, result: Result) => void) {}

  add(index: number, result: Result): void {
    this.waiting.set(index, result)
    for (; this.waiting.has(this.next); this.next++) {
      this.pass(this.next, this.waiting.get(this.next)!)
      this.waiting.delete(this.next)
    }
  }
}
