import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { FusionError } from '../../../contract/errors'
import { projectSchema } from '../../../contract/document/project'
import type { SourceFile } from '../../checkpoint/containers/container'
import { hashFiles } from '../../checkpoint/hash'
import { readSharedJson, writeCheckedJson } from '../../files/kept/checked-json'
import { writableFolder } from '../../files/writing/atomic-output'
import { SHARED } from '../../files/writing/permissions'
import { sharedState } from '../../files/reading/file-state'
import { checkTarget, type TargetKind } from '../../files/writing/target'
import { isThere } from '../../files/reading/regular-file'
import type { Provider } from '../../runtime/session'
import { reusesContributions } from '../contributions/contributions'
import { nearModels } from '../expected-screen'
import { wholeWork } from '../plan/merge-work'
import { assumedSeconds, expectedCost } from '../plan/cost'
import { sourcesOf, type MergePlan } from '../plan/merge-plan'
import { mergeMetadata, recipeOf } from '../plan/recipe'
import { exportSeal, exportSealSchema, type ExportSeal } from '../resume/export-seal'
import { COMMON, SHARES } from './share-files'
import { isSequential } from '../sequential/ensure-fitted'

const PLAN_FILE = 'plan.json'
const USED_NAMES = [PLAN_FILE, COMMON, SHARES]
/** What the file is checked for, so that no other file of this program is taken for it. */
const KEY = 'plan of a merge in shares'

/** A merge that several processes or machines do in shares. */
export const splitPlanSchema = z.object({
  format: z.literal('featurefusion-split'),
  version: z.literal(1),
  /** With absolute paths. */
  project: projectSchema,
  /** The files that are read. */
  sources: z.array(
    z.object({
      path: z.string(),
      bytes: z.number(),
      /** As on every machine that shares its file system: where it is the same, the file is not hashed again. */
      state: z.string(),
      sha256: z.string(),
    }),
  ),
  /** The files that come out, without their headers. */
  outputs: z.array(z.object({ path: z.string(), tensors: z.number(), dataBytes: z.number() })),
  /** All that the bytes depend on, but where they are computed: that is the shares' own. */
  seal: exportSealSchema.omit({ runtime: true }),
  /** Assumed seconds of every part of the work, in the order of `wholeWork`: what shares are balanced by. */
  costs: z.array(z.number().nonnegative()),
})
export type SplitPlan = z.infer<typeof splitPlanSchema>

export interface SplitTools {
  provider: Provider
  workerFile: URL | null
  /** Where sources' hashes are remembered. */
  cacheFolder: string
  signal?: AbortSignal
  onHashing?: (fraction: number) => void
}

/**
 * What a plan would write here, and under which seal.
 * @param planned sources that were hashed when the plan was written
 */
export async function sealHere(
  plan: MergePlan,
  { provider, workerFile, cacheFolder, signal, onHashing }: SplitTools,
  planned: SplitPlan['sources'] = [],
) {
  const known = new Map(planned.map((source) => [source.path, source]))
  const hashOf = ({ path, state }: SourceFile): string | null => {
    const source = known.get(path)
    return source?.state === sharedState(state) ? source.sha256 : null
  }
  const files = sourcesOf(plan)
  const others = await hashFiles(
    files.filter((file) => hashOf(file) === null),
    {
      cacheFolder,
      ...(signal && { signal }),
      onProgress: (done, total) => onHashing?.(total > 0 ? done / total : 1),
    },
  )
  const hashes = new Map(files.map((file) => [file.path, hashOf(file) ?? others.get(file.path)!]))
  const recipe = recipeOf(plan, hashes, provider)
  const metadata = await mergeMetadata(plan, recipe, hashes)
  const seal: ExportSeal = await exportSeal(plan, recipe, hashes, metadata, workerFile)
  return { hashes, recipe, metadata, seal }
}

/**
 * Describes a merge for shares.
 * @throws FusionError 'unsupported' where its layers depend on each other, and what hashing throws
 */
export async function planSplit(plan: MergePlan, tools: SplitTools): Promise<SplitPlan> {
  refuseWhole(plan)
  const { hashes, seal } = await sealHere(plan, tools)
  const near = nearModels(plan, tools.provider)
  const { tasks, extras } = wholeWork(plan)
  return {
    format: 'featurefusion-split',
    version: 1,
    project: plan.project,
    sources: sourcesOf(plan).map(({ path, size, state }) => ({
      path,
      bytes: size,
      state: sharedState(state),
      sha256: hashes.get(path)!,
    })),
    outputs: plan.output.files.map(({ path, tensors, dataBytes }) => ({ path, tensors: tensors.length, dataBytes })),
    seal: splitPlanSchema.shape.seal.parse(seal),
    costs: [
      ...tasks.map((task) => assumedSeconds(expectedCost(task, plan.method, near))),
      ...extras.map(({ extra }) => assumedSeconds({ flops: 0, bytes: 2 * extra.target.byteLength })),
    ],
  }
}

/** The folder of a plan: other things in it are left alone, so long as none has a name that a plan or its shares use. */
const SPLIT_FOLDER: TargetKind = {
  title: 'folder of a plan',
  folder: true,
  async compare(path) {
    const own = (await readdir(path, { withFileTypes: true })).filter(({ name }) => USED_NAMES.includes(name))
    const links = own.filter((entry) => entry.isSymbolicLink())
    if (links.length > 0) return { is: 'foreign', because: `${namesOf(links)} in it is a link` }
    if (own.length === 0) return { is: 'own' }
    const isPlan = await readSharedJson(join(path, PLAN_FILE), KEY, splitPlanSchema)
    return isPlan ? { is: 'same-kind' } : { is: 'foreign', because: `it holds ${namesOf(own)}, and no plan` }
  },
}

const namesOf = (entries: readonly { name: string }[]): string => entries.map(({ name }) => name).join(' and ')

/** @throws FusionError 'target' where a plan, or its shares, cannot be written into a folder */
export async function checkSplitFolder(folder: string, overwrite: boolean): Promise<void> {
  await checkTarget(folder, { kind: SPLIT_FOLDER, overwrite })
  await writableFolder(folder)
}

/** @throws FusionError 'target' where another plan lies in the folder, or it cannot be written to */
export async function writeSplitPlan(folder: string, plan: SplitPlan, overwrite: boolean): Promise<string> {
  await checkSplitFolder(folder, overwrite)
  const path = join(folder, PLAN_FILE)
  await writeCheckedJson(path, KEY, plan, SHARED)
  return path
}

/** @throws FusionError 'not-found', 'damaged', 'unreadable' */
export async function readSplitPlan(folder: string): Promise<SplitPlan> {
  const path = join(folder, PLAN_FILE)
  const plan = await readSharedJson(path, KEY, splitPlanSchema)
  if (plan) return plan
  if (!isThere(path))
    throw new FusionError('not-found', `${folder} holds no plan.`, {
      hint: `featurefusion plan PROJECT --out ${folder} writes one.`,
    })
  throw new FusionError('damaged', `${path} is not as it was written, or of another version of this program.`, {
    hint: 'Write the plan again.',
    file: path,
  })
}

/** Layers that depend on each other, and what is kept on one machine, cannot be made in shares. */
function refuseWhole(plan: MergePlan): void {
  const { title } = plan.method
  if (isSequential(plan))
    throw new FusionError(
      'unsupported',
      `${title} fits every layer behind the ones before it: it cannot be made in shares.`,
      { hint: 'featurefusion merge makes it on one machine, and goes on where it was stopped.' },
    )
  if (reusesContributions(plan))
    throw new FusionError('unsupported', 'A merge that keeps contributions (--reuse) cannot be made in shares.', {
      hint: 'Plan it without --reuse: the merged weights are the same to half a unit of float16.',
    })
}
