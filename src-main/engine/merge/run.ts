import { AtomicOutput } from '../files/writing/atomic-output'
import { collectingDamage } from '../files/kept/cache-damage'
import { writeManifest } from '../files/writing/export-manifest'
import { checkTargetOutsideSources } from '../files/writing/target'
import { writingError } from '../files/writing/writing-error'
import { checkSpace, takenSpace } from '../files/writing/disk-space'
import { writePipelineFiles } from '../checkpoint/pipeline/pipeline-files'
import { throwIfCancelled } from '../cancel'
import { exportKind } from './plan/export/export-target'
import type { LayerReport } from './fusion/layer-report'
import { outputBytes } from './plan/export/output-files'
import { OutputWriter } from './jobs/output-writer'
import { rebuildingContributions } from './contributions/kept-contributions'
import { writeShardIndexes } from './plan/export/shards'
import { checkpointsOf, sourcesOf, type MergePlan } from './plan/merge-plan'
import { fileMetadata, hashSources, mergeMetadata, recipeOf, type Recipe } from './plan/recipe'
import { ExportJournal, type ResumedExport } from './resume/export-journal'
import { leaveOutput, openJournal } from './resume/continue-export'
import { forgetExport, rememberExport } from './resume/unfinished-exports'
import { exportSeal } from './resume/export-seal'
import type { RegressionReport } from './regression/regression-layer'
import { MergeRun, type MergeRunOptions } from './merge-run'
import { prepare } from './prepare'
import type { MatrixReport } from './run-layer'

export type MergePhase = 'hashing' | 'checking' | 'contributing' | 'fitting' | 'merging' | 'flushing'

/** For people. */
export const PHASE_WORDS = {
  hashing: 'hashing',
  checking: 'checking what is written already',
  contributing: 'computing contributions',
  fitting: 'fitting layers',
  merging: 'merging',
  flushing: 'flushing',
} as const satisfies Record<MergePhase, string>

export interface MergeOptions extends Omit<MergeRunOptions, 'onProgress'> {
  /** Where to write: a file or folder, as the plan's layout has it. */
  path: string
  /** Whether a safetensors file that is no export of this program, or an empty folder, may be replaced. */
  overwrite?: boolean
  /** Where sources' hashes are remembered, and contributions kept. */
  cacheFolder?: string
  /** The bundled table of CLIP's tokens: a folder made from a file needs it. */
  clipVocabulary?: string
  /**
   * An export keeps what is written when it is cancelled, or its process ends, and the next one to the same name
   * continues it. Whether that one is to begin anew instead; absent: nothing is kept or continued.
   */
  resume?: { restart: boolean }
  /**
   * What others have written of this merge: their work is taken over, and all that none of them did is done here. It is
   * said to have been computed where they computed it. Needs `resume`.
   */
  gathered?: {
    /** sha256 of every source, by path. */
    hashes: ReadonlyMap<string, string>
    runtime: Recipe['runtime']
    /** @throws FusionError where what they wrote is not what they say */
    adopt(journal: ExportJournal, writer: OutputWriter): Promise<void>
  }
  /** Called with what people should know of an earlier export that is continued, or is not. */
  onResume?: (words: string) => void
  /** Called with the fraction of a phase that is done, 0 … 1, never falling. */
  onProgress?: (phase: MergePhase, fraction: number) => void
}

export interface MergeResult {
  path: string
  recipe: Recipe
  /** Layers merged by correlations, in the order of the file; one entry per group of a grouped layer. */
  layers: LayerReport[]
  /** Layers merged by regression, likewise. */
  regressions: RegressionReport[]
  /** Layers merged by a matrix method, likewise, as far as it counts directions. */
  matrices: MatrixReport[]
  /** Tensors in which finite values were too large for the output's element type. */
  overflowed: string[]
  bytes: number
  seconds: number
  /** Of an earlier export that was continued: how far it had come. */
  resumed: ResumedExport | null
  /** What was found damaged in the cache, and made again. */
  notes: readonly string[]
}

/**
 * Carries out a plan and writes its output under a temporary name, flushed and renamed at the end.
 * @throws FusionError 'not-finite', 'source-changed', 'target', 'cancelled', 'device', 'out-of-memory'; whichever it is,
 * nothing stands at the final name that was not there before
 */
export async function runMerge(plan: MergePlan, options: MergeOptions): Promise<MergeResult> {
  const started = performance.now()
  return collectingDamage(async (notes) => {
    const result = await rebuildingContributions(() => mergeOnce(plan, options))
    return { ...result, notes, seconds: (performance.now() - started) / 1000 }
  })
}

async function mergeOnce(plan: MergePlan, options: MergeOptions): Promise<Omit<MergeResult, 'notes' | 'seconds'>> {
  const { path, cacheFolder, signal, onProgress, resume, gathered, provider = 'cpu', workerFile = null } = options
  const { folder, files: outputFiles } = plan.output
  await checkTargetOutsideSources(path, readPaths(plan))
  const rule = { kind: exportKind(folder), overwrite: options.overwrite === true }
  const output = await AtomicOutput.create(path, rule, { continues: resume !== undefined })
  let journal: ExportJournal | null = null
  try {
    const hashes =
      gathered?.hashes ??
      (await hashSources(plan, {
        ...(cacheFolder !== undefined && { cacheFolder }),
        ...(signal && { signal }),
        onProgress: (done, total) => onProgress?.('hashing', total > 0 ? done / total : 1),
      }))
    const recipe = recipeOf(plan, hashes, provider)
    if (gathered) recipe.runtime = gathered.runtime
    const metadata = await mergeMetadata(plan, recipe, hashes)
    if (resume) {
      const seal = await exportSeal(plan, recipe, hashes, metadata, workerFile)
      journal = await ExportJournal.begin(output, outputFiles, seal, resume.restart)
      if (cacheFolder !== undefined) await rememberExport(cacheFolder, output.finalPath)
    }
    const bytes = outputBytes(plan.output, metadata)
    await checkSpace(path, bytes - (await takenSpace(output.temporaryPath)))
    const continues = journal?.continues ?? false
    const writer = new OutputWriter(output.temporaryPath, outputFiles, fileMetadata(plan, metadata), continues)
    let written: ReturnType<OutputWriter['finish']>
    let merge: MergeRun
    let resumed: ResumedExport | null = null
    try {
      if (journal) resumed = await openJournal(journal, writer, options)
      if (journal) await gathered?.adopt(journal, writer)
      merge = new MergeRun(plan, await prepare(plan, hashes, options), writer, journal, options)
      await merge.run()
      written = writer.finish()
    } finally {
      writer.close()
    }
    const files = written.map(({ path: file }) => file)
    if (folder) {
      files.push(...(await writePipelineFiles(plan.base, output.temporaryPath, options.clipVocabulary)))
      files.push(...(await writeShardIndexes(output.temporaryPath, outputFiles)))
      const dataSha256 = new Map(written.map((file) => [file.path, file.dataSha256]))
      files.push(await writeManifest(output.temporaryPath, files, dataSha256))
    }
    onProgress?.('flushing', 0)
    throwIfCancelled(signal)
    journal?.close()
    await output.commit(files)
    if (resume && cacheFolder !== undefined) await forgetExport(cacheFolder, output.finalPath)
    onProgress?.('flushing', 1)
    const overflowed = [...merge.overflowed].sort()
    const { layers, regressions, matrices } = merge
    return { path: output.finalPath, recipe, layers, regressions, matrices, overflowed, bytes, resumed }
  } catch (error) {
    const words = await leaveOutput(output, journal, error)
    if (cacheFolder !== undefined && words === null) await forgetExport(cacheFolder, output.finalPath)
    if (words) throw words
    throw writingError(error, output.finalPath)
  }
}

/** All that a plan reads: files, and the folders that they make up. */
function readPaths(plan: MergePlan): string[] {
  return [...checkpointsOf(plan), ...sourcesOf(plan)].map(({ path }) => path)
}
