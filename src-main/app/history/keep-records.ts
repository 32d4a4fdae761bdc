import type { FusionRequest } from '../../contract/adapter-fusion'
import type { MergeSettings } from '../../contract/document/merge-settings'
import type { Project } from '../../contract/document/project'
import { withFound } from '../../contract/document/project-evaluation'
import type { EvaluationResults } from '../../contract/evaluate/results'
import type { SearchReport } from '../../contract/evaluate/search/search'
import type { EvaluationPart, MergeRecord } from '../../contract/history'
import type { JobResult } from '../../contract/jobs'
import { knownModelHashes, withHashes } from '../models/model-hash'
import type { Log } from '../log'
import { evaluationLine } from './evaluation-lines'
import type { ProjectHistory } from './project-history'
import { writtenFile } from './written-files'

/** What keeping needs of the program. */
interface KeepingHost {
  readonly projectHistory: ProjectHistory
  readonly cache: { readonly folder: string }
  readonly log: Log
}

/** What a job wrote, as the history keeps it. */
type Written = Pick<MergeRecord, 'path' | 'bytes' | 'seconds' | 'shares'> & {
  files: readonly Pick<MergeRecord['files'][number], 'path' | 'sha256'>[]
}

/** Keeps an export, or adapters that became one, with its recipe. @param job that wrote it */
export async function keepMerge(
  { projectHistory, cache, log, options }: KeepingHost & { readonly options: { readonly version: string } },
  project: Project,
  { job, result, fusion }: { job: string; result: JobResult; fusion: FusionRequest | null },
): Promise<void> {
  const written = writtenBy(result)
  if (!written) return
  try {
    const { path: _path, include: _include, vae: _vae, dtype: _dtype, ...output } = project.output
    await projectHistory.add({
      ...{ ...written, kind: 'merge', id: job, time: Date.now(), version: options.version, fusion, written: output },
      merge: await mergeWithHashes(project, cache.folder),
      files: await Promise.all(written.files.map(writtenFile)),
    })
  } catch (error) {
    log.add('warning', `${written.path} is missing in the history: ${String(error)}`)
  }
}

/** Keeps what an evaluation of a project found. */
export async function keepEvaluation(
  { projectHistory, cache, log }: KeepingHost,
  project: Project,
  { part, job, results }: { part: EvaluationPart; job: string; results: EvaluationResults },
): Promise<void> {
  const report = results[part]
  // Of one that measured nothing, only the result before it is there.
  if (!report || ('job' in report && report.job !== job)) return
  try {
    await projectHistory.add({
      ...{ kind: 'evaluation', id: job, time: Date.now(), part, folder: report.folder, split: report.split },
      merge: await mergeWithHashes(part === 'search' ? found(project, results.search) : project, cache.folder),
      verdict: evaluationLine(part, results),
    })
  } catch (error) {
    log.add('warning', `An evaluation is missing in the history: ${String(error)}`)
  }
}

/** What a search is about: what it found. */
function found(project: Project, search: SearchReport | null): Project {
  return search?.best ? withFound(project, search, search.best.models) : project
}

function writtenBy(result: JobResult): Written | null {
  if (result.kind === 'export') {
    const { path, bytes, seconds, shares, files } = result.export
    return { path, bytes, seconds, shares, files }
  }
  if (result.kind !== 'fuse') return null
  const { path, bytes, seconds } = result.adapter
  return { path, bytes, seconds, shares: null, files: [{ path, sha256: null }] }
}

/** What decides a merge, with what is known of the models' files. */
async function mergeWithHashes(project: Project, cacheFolder: string): Promise<MergeSettings> {
  const { models, prediction, ema, method, output } = project
  const { include, vae, dtype } = output
  const hashes = await knownModelHashes(
    models.map(({ path }) => path),
    cacheFolder,
  )
  return {
    models: withHashes(
      models.map(({ sha256: _said, ...model }) => model),
      hashes,
    ),
    ...{ prediction, ema, method },
    output: { include, dtype, ...(vae !== undefined && { vae }) },
  }
}
