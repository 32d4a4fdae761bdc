import { FusionError } from '../../contract/errors'
import type { FeatureDrift } from '../../contract/evaluate/drift'
import type { Checkpoint } from '../checkpoint/model/checkpoint'
import { hashFile } from '../checkpoint/hash'
import { openEvaluationData, vaeHashFor } from '../evaluate/data/evaluation-data'
import type { DataSettings } from '../evaluate/evaluation-run'
import { chooseSplit, countPictures } from '../evaluate/data/splits'
import { Blocks } from '../merge/plan/blocks'
import { PlanColumns } from '../merge/plan/plan-columns'
import type { MergePlan } from '../merge/plan/merge-plan'
import { denoiserFiles } from '../merge/plan/calibration/calibrated-models'
import { checkCombinesFeatures, featureDrift, type DriftOptions } from './feature-drift'
import { dataSource, trainTimestepsOf } from './sources'
import { denoiserName } from '../checkpoint/denoisers'

export interface DriftData extends DataSettings {
  /** Only pictures of this domain; null: of all. */
  domain: string | null
}

export interface DriftOnDataOptions extends Omit<DriftOptions, 'columns' | 'seed'> {
  cacheFolder: string
}

/**
 * The sampling check (paper, section 4.5) on evaluation pictures: every network of a merge sees the same ones, with the
 * same noise, at ten timesteps each.
 * @param merged what the plan was exported to
 * @param data `seed` is that of noise, timesteps and positions
 * @throws FusionError 'validation' for a domain that the data do not have, and what featureDrift throws
 */
export async function driftOnData(
  plan: MergePlan,
  merged: Checkpoint,
  data: DriftData,
  options: DriftOnDataOptions,
): Promise<FeatureDrift> {
  const { base, cacheFolder, signal } = options
  const { opened, chosen } = await openDriftData(data)
  const cancel = signal ? { signal } : {}
  const encoding = {
    vaeHash: vaeHashFor(opened, base),
    cacheFolder,
    ...cancel,
  }
  const source = { seed: data.seed, trainTimesteps: trainTimestepsOf(base, base), ...cancel }
  const { run } = dataSource(chosen, source, (pipeline) => opened.load(chosen, pipeline, encoding))
  const columns = await columnsOf(plan, cacheFolder)
  const drifts = await featureDrift(plan, merged, run, { ...options, columns, seed: data.seed })
  const blocks = Blocks.of(base)
  return {
    domains: chosen.map(({ name }) => name),
    pictures: countPictures(chosen),
    samples: options.samples,
    layers: drifts.map(({ layer, alone, inside }) => ({
      layer,
      block: blocks.blockOf(denoiserName(base), `${layer}.weight`),
      alone: finite(alone),
      inside: finite(inside),
    })),
  }
}

/**
 * Refuses a check that cannot be made before a merge is made for it.
 * @throws FusionError 'unsupported' (method), 'validation' (domain), and what opening the data throws
 */
export async function checkDriftable(plan: MergePlan, data: DriftData): Promise<void> {
  checkCombinesFeatures(plan)
  await openDriftData(data)
}

async function openDriftData({ folder, seed, domain, split, pictures }: DriftData) {
  const opened = await openEvaluationData(folder, seed)
  const domains = opened.domains.filter(({ name }) => domain === null || name === domain)
  if (domains.length === 0)
    throw new FusionError('validation', `The evaluation data have no domain ${domain}.`, {
      hint: `They have ${opened.domains.map(({ name }) => name).join(', ')}.`,
    })
  return { opened, chosen: chooseSplit({ domains }, split, pictures ?? undefined) }
}

/** A network that a merge destroyed may have no number for its features. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}

/** Real inputs for calibrated statistics. */
async function columnsOf(plan: MergePlan, cacheFolder: string): Promise<PlanColumns | null> {
  if (!plan.calibration) return null
  const hashes = new Map<string, string>()
  for (const path of plan.models.flatMap(({ checkpoint }) => denoiserFiles(checkpoint)))
    hashes.set(path, await hashFile(path, { cacheFolder }))
  return PlanColumns.find(plan, hashes)
}
