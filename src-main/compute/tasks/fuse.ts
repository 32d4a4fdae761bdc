import { resolve } from 'node:path'
import { LORA_TYPES } from '../../contract/adapter-files'
import { fuseAdapters, fusedProject } from '../../engine/adapter-fusion/fuse-adapters'
import { notesOnFusion } from '../../engine/adapter-fusion/fusion'
import { planMerge } from '../../engine/merge/open-model'
import type { TaskRunner } from '../task'

/** Writes a project's adapters as one adapter. */
export const fuse: TaskRunner<'fuse'> = async (task, { signal, emit }) => {
  const started = performance.now()
  const { project: given, request, path, overwrite, cacheFolder } = task
  const { fusion, cut, rank, energy, convolutionRank, format, type } = request
  const project = fusedProject(given)
  const plan = await planMerge(project)
  const result = await fuseAdapters(plan, {
    ...{ path, overwrite, format, fusion, cacheFolder, signal },
    type: LORA_TYPES[type],
    kept: { all: null, rank: { rank }, energy: { energy } }[cut],
    ...(cut !== 'all' && convolutionRank !== null && { convolutionsKept: { rank: convolutionRank } }),
    onProgress: (fraction) => emit({ type: 'progress', phase: 'merging', fraction }),
  })
  const ranks = result.layers.map((layer) => layer.rank)
  return {
    kind: 'fuse',
    adapter: {
      path: resolve(path),
      bytes: result.bytes,
      seconds: (performance.now() - started) / 1000,
      layers: ranks.length,
      ranks: ranks.length > 0 ? [Math.min(...ranks), Math.max(...ranks)] : null,
      relativeError: result.relativeError,
      whole: result.whole.length,
      notes: [...plan.warnings, ...notesOnFusion(given, project, result)],
    },
  }
}
