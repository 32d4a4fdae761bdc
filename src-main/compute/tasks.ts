import type { ComputeResult, ComputeTask, TaskName } from '../contract/compute-tasks'
import { ancestry } from './ancestry'
import { calibrate } from './calibrate'
import { cardPicture } from './card-picture'
import { clip } from './clip'
import { drift } from './drift'
import { evaluate, search } from './evaluate'
import { fuse } from './fuse'
import { hash } from './hash'
import { inspect } from './inspect'
import { live } from './live'
import { matrix } from './matrix'
import { exportModel, forecast } from './merge'
import { preview } from './preview'
import { closeSources } from './resident-model'
import { sheet } from './sheet'
import type { TaskContext, TaskRunner } from './task'
import { unlearning } from './unlearning'
import { verify } from './verify'

/** What runs every task of contract/compute-tasks.ts; the type proves that none is missing. */
const TASKS: { readonly [Name in TaskName]: TaskRunner<Name> } = {
  hash,
  inspect,
  matrix,
  preview,
  live,
  calibrate,
  evaluate,
  search,
  clip,
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
