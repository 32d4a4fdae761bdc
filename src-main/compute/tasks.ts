import type { ComputeResult, ComputeTask, TaskName } from '../contract/protocol/compute-tasks'
import { ancestry } from './tasks/ancestry'
import { calibrate } from './tasks/calibrate'
import { cardPicture } from './tasks/card-picture'
import { drift } from './tasks/drift'
import { evaluate, search } from './tasks/evaluate'
import { fuse } from './tasks/fuse'
import { hash } from './tasks/hash'
import { inspect } from './tasks/inspect'
import { live } from './tasks/live'
import { matrix } from './tasks/matrix'
import { exportModel, forecast } from './tasks/merge'
import { preview } from './tasks/preview'
import { closeSources } from './resident-model'
import { scorePictures } from './tasks/score-pictures'
import { scores } from './tasks/scores'
import { sheet } from './tasks/sheet'
import type { TaskContext, TaskRunner } from './task'
import { unlearning } from './tasks/unlearning'
import { verify } from './tasks/verify'

/** What runs every task of contract/protocol/compute-tasks.ts; the type proves that none is missing. */
const TASKS: { readonly [Name in TaskName]: TaskRunner<Name> } = {
  hash,
  inspect,
  matrix,
  preview,
  live,
  calibrate,
  evaluate,
  search,
  scores,
  'score-pictures': scorePictures,
  drift,
  unlearning,
  export: exportModel,
  verify,
  fuse,
  forecast,
  ancestry,
  'card-picture': cardPicture,
  sheet,
}

/** Runs a task to its end. @throws what the task throws */
export async function runTask(task: ComputeTask, context: TaskContext): Promise<ComputeResult> {
  const run = TASKS[task.type] as TaskRunner<TaskName>
  try {
    return await run(task, context)
  } finally {
    closeSources()
  }
}
