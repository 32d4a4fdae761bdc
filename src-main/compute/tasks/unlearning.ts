import type { TaskOf } from '../../contract/protocol/compute-tasks'
import { withModel, type Project, readingOf } from '../../contract/document/project'
import type { Unlearning } from '../../contract/unlearning'
import type { EvaluatedRow, MeasuredRow } from '../../engine/evaluate/evaluation-run'
import { unlearningLossesOf } from '../../engine/evaluate/losses/unlearned-gains'
import { rebuildingContributions } from '../../engine/merge/contributions/kept-contributions'
import { planMerge } from '../../engine/merge/open-model'
import { contributionsOf } from '../../engine/merge/contributions/plan-contributions'
import { unlearningReport, type Change } from '../../engine/merge/unlearning-report'
import { openRun } from './evaluate'
import { phaseProgress, type TaskContext, type TaskRunner } from '../task'

type UnlearningTask = TaskOf<'unlearning'>

const PHASES = {
  'computing contributions': [0, 0.5],
  'measuring the change': [0.5, 0.6],
  'measuring losses': [0.6, 1],
} as const

/** What dropping a specialist changes in the weights, and on evaluation data in the losses. Writes no merge. */
export const unlearning: TaskRunner<'unlearning'> = async (task, context) => {
  const { name, device, cacheFolder } = task
  const { signal, workerFile } = context
  const progress = phaseProgress(context, PHASES)
  const before = await planMerge(mergeWith(task, true), { signal })
  const after = await planMerge(mergeWith(task, false), { signal })
  const report = await rebuildingContributions(async () => {
    const contributions = await contributionsOf(before, {
      cacheFolder,
      provider: device.provider,
      workerFile,
      signal,
      onProgress: (fraction) => progress('computing contributions', fraction),
    })
    return unlearningReport(before, after, contributions, {
      workerFile,
      signal,
      onProgress: (fraction) => progress('measuring the change', fraction),
    })
  })
  const change = report && {
    total: relativeOf(report.total),
    blocks: report.blocks.map((block) => ({ block: block.block, relative: relativeOf(block) })),
  }
  const losses = await lossesOf(task, context, (fraction) => progress('measuring losses', fraction))
  return { kind: 'unlearning', unlearning: { name, change, losses } }
}

/** The merge with or without the specialist; from contributions, so that one network takes both. */
function mergeWith({ project, name }: UnlearningTask, enabled: boolean): Project {
  return withModel({ ...project, method: { ...project.method, reuse: true } }, name, { enabled })
}

function relativeOf({ relative }: Change): number | null {
  return Number.isFinite(relative) ? relative : null
}

/** Losses of the base, and of the merge with and without the specialist; what was measured before is found again. */
async function lossesOf(
  task: UnlearningTask,
  context: TaskContext,
  onProgress: (fraction: number) => void,
): Promise<Unlearning['losses']> {
  const { data } = task
  if (data === null) return null
  const base = task.project.models[0]!.path
  const merge = (name: string, enabled: boolean): EvaluatedRow => ({
    name,
    role: 'merge',
    path: null,
    merge: mergeWith(task, enabled),
  })
  const rows: EvaluatedRow[] = [
    { name: 'base', role: 'base', path: base, merge: null },
    merge('before', true),
    merge('after', false),
  ]
  const run = await openRun({ ...task, data }, { base, ...readingOf(task.project) }, context)
  try {
    const measured: MeasuredRow[] = []
    for (const row of rows) {
      measured.push(await run.measure(row, (_, fraction) => onProgress((measured.length + fraction) / rows.length)))
    }
    return unlearningLossesOf(run.tableOf(measured), task.name)
  } finally {
    await run.release()
  }
}
