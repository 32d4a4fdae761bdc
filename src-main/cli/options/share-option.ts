import { isShare, MOST_SHARES, type Share } from '../../engine/shares/share'
import { UsageError } from '../output/output'

/** Which share of how many, as options and the environment of a job say it. */
interface JobEnvironment {
  SLURM_ARRAY_TASK_ID?: string | undefined
  SLURM_ARRAY_TASK_MIN?: string | undefined
  SLURM_ARRAY_TASK_COUNT?: string | undefined
  JOB_COMPLETION_INDEX?: string | undefined
}

/**
 * The share that a process does: `I/N`, or `N` alone where a job array says which one it is (Slurm's tasks by their place
 * after the first, Kubernetes' from 0); without an option Slurm says how many there are.
 * @throws UsageError also for a part of a job array: which tasks were sent before, Slurm does not say
 */
export function shareOf(option: string | undefined, env: JobEnvironment = process.env): Share {
  const [index, count, more] = (option ?? env.SLURM_ARRAY_TASK_COUNT ?? '').split('/')
  const share =
    count === undefined
      ? { index: indexOfJob(env, option), count: wholeNumber(index!) }
      : { index: wholeNumber(index!), count: wholeNumber(count) }
  if (isShare(share) && more === undefined) return share
  const given = option === undefined ? '' : ` ${option}`
  throw new UsageError(
    `--share${given}: I/N expected, share I of N, from 1/N to N/N; at most ${MOST_SHARES}.`,
    'In a job array of Slurm or an indexed job of Kubernetes --share N is enough.',
  )
}

function indexOfJob(env: JobEnvironment, option: string | undefined): number {
  const { SLURM_ARRAY_TASK_ID: task, SLURM_ARRAY_TASK_MIN: first = '1', JOB_COMPLETION_INDEX: completion } = env
  if (task !== undefined) {
    const tasks = env.SLURM_ARRAY_TASK_COUNT
    if (option === undefined ? tasks === '1' : tasks !== undefined && wholeNumber(tasks) !== wholeNumber(option))
      throw new UsageError(
        `This job array has ${tasks === '1' ? 'one task' : `${tasks} tasks`}: which share of how many does task ${task} do?`,
        'Where tasks of an array are sent again, say both: --share I/N.',
      )
    return wholeNumber(task) - wholeNumber(first) + 1
  }
  if (completion !== undefined) return wholeNumber(completion) + 1
  throw new UsageError(
    option === undefined ? 'Say which share: --share I/N.' : `--share ${option}: which of the ${option}? Say I/N.`,
    'SLURM_ARRAY_TASK_ID and JOB_COMPLETION_INDEX would say it, and neither is set.',
  )
}

/** NaN for a text that is none. */
function wholeNumber(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : NaN
}
