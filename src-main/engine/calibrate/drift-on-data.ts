import { FusionError } from '../../contract/errors'
import type { FeatureDrift } from '../../contract/evaluate'
import type { Checkpoint } from '../checkpoint/checkpoint'
import { hashFile } from '../checkpoint/hash'
import { requireComponent } from '../diffusion/pipeline-parts'
import { openEvaluationData } from '../evaluate/evaluation-data'
import type { DataSettings } from '../evaluate/evaluation-run'
import { hashComponent } from '../evaluate/latent-cache'
import { chooseSplit, type ChosenDomain } from '../evaluate/loss-table'
import { UNetBlocks } from '../merge/blocks'
import { PlanColumns } from '../merge/plan-columns'
import type { MergePlan } from '../merge/plan'
import { unetFiles } from './calibration-file'
import { featureDrift, type DriftOptions } from './feature-drift'
import { dataSource, trainTimestepsOf } from './sources'

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
  const opened = await openEvaluationData(data.folder, data.seed)
  const domains = opened.domains.filter(({ name }) => data.domain === null || name === data.domain)
  if (domains.length === 0)
    throw new FusionError('validation', `The evaluation data have no domain ${data.domain}.`, {
      hint: `They have ${opened.domains.map(({ name }) => name).join(', ')}.`,
    })
  const chosen = chooseSplit({ domains }, data.split, data.pictures ?? undefined)
  const cancel = signal ? { signal } : {}
  const encoding = {
    vaeHash: opened.kind === 'pictures' ? hashComponent(requireComponent('vae', base)) : '',
    cacheFolder,
    ...cancel,
  }
  const source = { seed: data.seed, trainTimesteps: trainTimestepsOf(base, base), ...cancel }
  const { run } = dataSource(chosen, source, (pipeline) => opened.load(chosen, pipeline, encoding))
  const columns = await columnsOf(plan, cacheFolder)
  const drifts = await featureDrift(plan, merged, run, { ...options, columns, seed: data.seed })
  const unet = base.components.get('unet')
  const blocks = new UNetBlocks(unet ? unet.tensors.keys() : [])
  return {
    domains: chosen.map(({ name }) => name),
    pictures: countOf(chosen),
    samples: options.samples,
    layers: drifts.map(({ layer, alone, inside }) => ({
      layer,
      block: blocks.blockOf('unet', `${layer}.weight`),
      alone: finite(alone),
      inside: finite(inside),
    })),
  }
}

/** A network that a merge destroyed may have no number for its features. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}

function countOf(chosen: readonly ChosenDomain[]): number {
  return chosen.reduce((sum, { pictures }) => sum + pictures.length, 0)
}

/** Real inputs for calibrated statistics. */
async function columnsOf(plan: MergePlan, cacheFolder: string): Promise<PlanColumns | null> {
  if (!plan.calibration) return null
  const hashes = new Map<string, string>()
  for (const path of plan.models.flatMap(({ checkpoint }) => unetFiles(checkpoint)))
    hashes.set(path, await hashFile(path, { cacheFolder }))
  return PlanColumns.find(plan, hashes)
}
