import { moduleOf } from '../../checkpoint/model/module-name'
import { FusionError } from '../../../contract/errors'
import { throwIfCancelled, yieldOrCancel } from '../../cancel'
import type { TensorReader } from '../../checkpoint/containers/tensor-reader'
import type { Provider, Session, Tensor } from '../../runtime/session'
import { Kernels } from '../../tensor/kernels'
import type { LayerInput } from '../../architecture/network-graph'
import type { LayerRows } from '../fusion/layer-rows'
import { groupsOf, readBiases } from '../jobs/layer-inputs'
import { viewInputs } from '../jobs/view-inputs'
import type { SequentialMethod } from '../methods/method'
import type { LayerTask, MergePlan } from '../plan/merge-plan'
import type { RunBatch } from '../plan/calibration/recorded-runs'
import { RegressionLayer, type RegressionReport } from '../regression/regression-layer'
import type { RegressionSessions } from '../regression/regression-sessions'
import { BiasedRows } from './biased-rows'
import { fitRows, type FittedRows } from './fit-rows'
import type { FittedLayers } from './fitted-layers'
import { NetworkWeights } from './network-weights'
import { PickedColumns } from './picked-columns'
import type { RunStates } from './run-states'
import type { NetworkSection, SectionedNetwork } from './sectioned-network'

export interface SequentialFitOptions {
  plan: MergePlan & { method: SequentialMethod }
  network: SectionedNetwork
  /** What every model runs on; none: it takes no part in the fit. */
  runs: readonly (readonly RunBatch[])[]
  fitted: FittedLayers
  states: RunStates
  reader: TensorReader
  sessions: RegressionSessions
  provider: Provider
  threads?: number
  signal?: AbortSignal
  onProgress?: (fraction: number) => void
}

/** A layer that is fitted, with its inputs as they are picked. */
interface FitLayer {
  task: LayerTask
  input: LayerInput
  rows: LayerRows
  /** In the merged network. */
  merged: PickedColumns
  /** In each model itself, where its features there are asked for. */
  own: PickedColumns | null
}

/**
 * Fits the layers of a merge's denoiser one after the other (method.md, 'Regression that follows the network'): section
 * by section the merged network, and where own features are asked for every model, run on the same; where the inputs of
 * some layers are known, these are fitted, and the next section runs with them. All runs are kept in between, so that each
 * network runs once in all.
 */
export class SequentialFit {
  private readonly weights: NetworkWeights
  private readonly kernels = new Kernels(0)
  private readonly tasks: ReadonlyMap<string, LayerTask>

  constructor(private readonly options: SequentialFitOptions) {
    const { plan, reader } = options
    this.weights = new NetworkWeights(plan, reader)
    this.tasks = new Map(
      plan.tasks.flatMap((task) => (task.kind === 'layer' ? [[moduleOf(task.name), task] as const] : [])),
    )
  }

  /** Fits what is not fitted yet. @throws FusionError 'cancelled', 'validation', 'not-finite', 'target', and the runtime's */
  async run(): Promise<void> {
    const { network, fitted, states, onProgress, signal } = this.options
    const { sections } = network
    const known = await Promise.all(sections.map((_, index) => fitted.ofSection(index)))
    const last = known.lastIndexOf(null)
    for (const [index, section] of sections.slice(0, last + 1).entries()) {
      throwIfCancelled(signal)
      const done = known[index]
      const layers = done ? [] : section.layers.flatMap((input) => this.layerOf(input) ?? [])
      await this.runSection(section, layers)
      if (!done) await this.fit(index, layers)
      this.weights.fit((done ?? (await fitted.ofSection(index)))!.tensors)
      states.keep(new Set(sections.slice(index + 1).flatMap(({ takes }) => takes)))
      onProgress?.((index + 1) / (last + 1))
    }
  }

  /** A layer to fit; null for one that is averaged. */
  private layerOf(input: LayerInput): FitLayer | null {
    const { plan, reader, runs } = this.options
    const task = this.tasks.get(input.module)
    if (!task) return null
    const biases = readBiases(task, reader)
    const [rows] = groupsOf(task.layer, viewInputs(task.views, reader), biases)
    const most = runs.map((batches, model) =>
      batches.length > 0 && task.weights[model] !== 0 ? plan.project.method.fitColumns : 0,
    )
    const pick = (): PickedColumns => new PickedColumns(input, rows!.inputs, biases !== null, most)
    return {
      task,
      input,
      rows: biases ? new BiasedRows(rows!, biases) : rows!,
      merged: pick(),
      own: plan.method.features === 'own' ? pick() : null,
    }
  }

  private async runSection(section: NetworkSection, layers: readonly FitLayer[]): Promise<void> {
    const { plan, runs, signal } = this.options
    const merged = this.weights.merged(section.weights)
    let session: Session | null = null
    try {
      for (const [model, batches] of runs.entries()) {
        const own =
          plan.method.features === 'own' && batches.length > 0 ? this.weights.ofModel(model, section.weights) : null
        const total = batches.reduce((sum, { count }) => sum + count, 0)
        let before = 0
        for (const [place, batch] of batches.entries()) {
          await yieldOrCancel(signal)
          const part = [before / total, (before + batch.count) / total] as const
          before += batch.count
          const inputs = batch.read(this.options.reader)
          for (const [name, weights] of [
            ['merged', merged],
            ['own', own],
          ] as const) {
            if (!weights) continue
            const key = `${name} ${model} ${place}`
            const taken = this.options.states.take(key, section.takes)
            session ??= await this.options.network.open(section, taken, this.options)
            const outputs = await this.runOnce(
              session,
              section,
              { ...inputsOf(section, inputs), ...taken, ...weights },
              key,
            )
            for (const layer of layers) layer[name]?.add(model, part, outputs[layer.input.output]!)
          }
        }
      }
    } finally {
      await session?.release()
    }
  }

  private async runOnce(
    session: Session,
    section: NetworkSection,
    feeds: Readonly<Record<string, Tensor>>,
    key: string,
  ): Promise<Record<string, Tensor>> {
    const outputs = await session.run(feeds)
    this.options.states.put(key, Object.fromEntries(section.gives.map((name) => [name, outputs[name]!])))
    return outputs
  }

  private async fit(section: number, layers: readonly FitLayer[]): Promise<void> {
    const tensors: Record<string, Tensor> = {}
    const reports: RegressionReport[] = []
    for (const layer of layers) {
      const { weight, bias, report } = await this.fitLayer(layer)
      const { layer: names, views } = layer.task
      tensors[names.weight] = { data: weight, dims: views[0]!.shape }
      if (bias) tensors[names.bias!] = { data: bias, dims: [bias.length] }
      reports.push(report)
    }
    await this.options.fitted.write(section, tensors, reports)
  }

  private async fitLayer({ task, rows, merged, own }: FitLayer): Promise<FittedRows> {
    const { plan, sessions, signal } = this.options
    const problem = plan.method.problem(task.weights, plan.project.method)
    const [columns, ownColumns] = [merged.columns(), own?.columns() ?? null]
    this.kernels.reserve(RegressionLayer.memory(rows, columns, problem.weights, ownColumns))
    const layer = new RegressionLayer(rows, columns, problem, sessions, this.kernels, ownColumns)
    const fitted = await fitRows(layer, rows, task.biasViews !== null, () => yieldOrCancel(signal))
    if (fitted.weight.every(Number.isFinite)) return fitted
    throw new FusionError('not-finite', `${task.layer.weight} could not be fitted: its values became infinite.`, {
      hint: 'Use a larger ridge.',
    })
  }
}

/** Those of a network's inputs that a section takes. */
function inputsOf({ inputs }: NetworkSection, given: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(inputs.flatMap((name) => (name in given ? [[name, given[name]!] as const] : [])))
}
