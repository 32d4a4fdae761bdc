import { processorName } from '../../runtime/processor'
import { moduleOf } from '../../checkpoint/model/module-name'
import { join } from 'node:path'
import { FusionError } from '../../../contract/errors'
import { TensorReader } from '../../checkpoint/containers/tensor-reader'
import type { StoredTensor } from '../../checkpoint/containers/container'
import { digest } from '../../files/kept/digest'
import { checkSpace } from '../../files/writing/disk-space'
import { makePrivateFolder } from '../../files/writing/permissions'
import { temporaryName } from '../../files/writing/temporary-name'
import { signWriting } from '../../files/writing/writers'
import { writingError } from '../../files/writing/writing-error'
import { RUNTIME_VERSION, type Provider } from '../../runtime/session'
import { CONTRIBUTIONS_FOLDER } from '../contributions/cache-space'
import { markUsed } from '../contributions/kept-contributions'
import type { SequentialMethod } from '../methods/method'
import { denoiserFiles, recordedAs } from '../plan/calibration/calibrated-models'
import { sourcesOf, type LayerTask, type MergePlan } from '../plan/merge-plan'
import type { PlanColumns } from '../plan/plan-columns'
import { runBatches, type RunBatch } from '../plan/calibration/recorded-runs'
import type { RegressionReport } from '../regression/regression-layer'
import { RegressionSessions } from '../regression/regression-sessions'
import { FittedLayers, type FittedSection } from './fitted-layers'
import { RunStates } from './run-states'
import { SectionedNetwork } from './sectioned-network'
import { sequentialCost } from './sequential-cost'
import { SequentialFit } from './sequential-fit'

/** Part of every key: another arithmetic is another key. */
const FORMAT = 2
/** Values of latents that go through the network together: 16 pictures of 16 × 16 × 4, or one of 64 × 64 × 4. */
const BATCH_ELEMENTS = 4 * 64 * 64

export interface FitOptions {
  cacheFolder: string
  provider: Provider
  threads?: number
  /** sha256 of every source file, by path. */
  hashes: ReadonlyMap<string, string>
  signal?: AbortSignal
  /** Fraction of the fit, 0 … 1; not called where everything is there. */
  onProgress?: (fraction: number) => void
}

/** The layers of a merge's denoiser as they were fitted. */
export interface FittedNetwork {
  /** Weights and biases by name, float32. */
  tensors: ReadonlyMap<string, StoredTensor>
  /** In the order of the network. */
  reports: readonly RegressionReport[]
}

/** Whether a plan's layers are fitted one after the other. */
export function isSequential(plan: MergePlan): plan is MergePlan & { method: SequentialMethod } {
  return plan.method.kind === 'sequential'
}

/**
 * The fitted layers of a sequential merge: from the cache, or fitted now and kept there section by section, so that a fit
 * that was stopped goes on where it was. Their folder is named by all that they depend on.
 * @throws FusionError 'incompatible' (calibration), 'validation', 'unsupported', 'cancelled', 'target', 'device', 'out-of-memory'
 */
export async function ensureFitted(
  plan: MergePlan & { method: SequentialMethod },
  columns: PlanColumns,
  options: FitOptions,
): Promise<FittedNetwork> {
  const { provider, threads, cacheFolder } = options
  const layers = plan.tasks.filter((task): task is LayerTask => task.kind === 'layer')
  const modules = layers.map(({ name }) => moduleOf(name))
  const network = SectionedNetwork.of(plan.base, modules, provider)
  const name = `fitted-${keyOf(plan, layers, options)}`
  const folder = join(cacheFolder, CONTRIBUTIONS_FOLDER, name)
  try {
    makePrivateFolder(folder)
  } catch (error) {
    throw writingError(error, folder)
  }
  const fitted = new FittedLayers(folder)
  const reader = new TensorReader(sourcesOf(plan))
  const sessions = new RegressionSessions(provider, threads)
  const values = join(cacheFolder, CONTRIBUTIONS_FOLDER, temporaryName(`${name}-runs`))
  const states = new RunStates(values)
  const endSigns = signWriting(values)
  try {
    // Hours later it would be too late to say.
    if ((await fittedSections(fitted, network)).includes(null))
      await checkSpace(values, sequentialCost(plan, reader).temporaryBytes)
    const runs = runsOf(plan, layers, columns)
    await new SequentialFit({ ...options, plan, network, runs, fitted, states, reader, sessions }).run()
    reader.checkUnchanged()
  } finally {
    endSigns()
    states.close()
    await sessions.release()
    reader.close()
  }
  await markUsed(folder)
  return collect(fitted, network)
}

/** What the models that have a weight run on. @throws FusionError 'validation' where nothing runs */
function runsOf(
  { models, project }: MergePlan,
  layers: readonly LayerTask[],
  columns: PlanColumns,
): (readonly RunBatch[])[] {
  const recorded = columns.runs()
  const batches = models.map((_, model) =>
    layers.some(({ weights }) => weights[model] !== 0)
      ? runBatches(recorded[model]!, project.method.fitRuns, BATCH_ELEMENTS)
      : [],
  )
  if (batches.some((own) => own.length > 0)) return batches
  throw new FusionError(
    'validation',
    'No model that has a weight ran for the calibration: there is nothing to fit to.',
    {
      hint: 'Give a specialist a weight, or calibrate it.',
    },
  )
}

/** null for a section that is not fitted yet. */
function fittedSections(fitted: FittedLayers, { sections }: SectionedNetwork): Promise<(FittedSection | null)[]> {
  return Promise.all(sections.map((_, index) => fitted.ofSection(index)))
}

async function collect(fitted: FittedLayers, network: SectionedNetwork): Promise<FittedNetwork> {
  const all = await fittedSections(fitted, network)
  const there = all.filter((section) => section !== null)
  if (there.length < all.length)
    throw new FusionError('internal', `Fitted layers in ${fitted.folder} vanished.`, { hint: 'Try again.' })
  return {
    tensors: new Map(there.flatMap(({ tensors }) => [...tensors])),
    reports: there.flatMap(({ reports }) => reports),
  }
}

/** All that fitted layers depend on. */
function keyOf(plan: MergePlan, layers: readonly LayerTask[], { hashes, provider }: FitOptions): string {
  const models = plan.models.map(({ checkpoint }) =>
    recordedAs(
      checkpoint,
      denoiserFiles(checkpoint).map((path) => hashes.get(path)!),
    ),
  )
  // All settings: some say how the models are read (alignment).
  const { calibration: _path, ...settings } = plan.project.method
  return digest([
    ...[FORMAT, RUNTIME_VERSION, provider, processorName()],
    ...[settings, hashes.get(plan.calibration!.file.path)],
    ...[models, layers.map(({ name, weights }) => [name, weights])],
  ])
}
