import { FusionError } from '../../../contract/errors'
import type { Share } from '../../shares/share'
import type { MergeWork } from '../plan/merge-work'

/**
 * The work of one share: parts in the order of their cost, each given to the share that has least so far (Graham's
 * longest processing time first). It follows from the costs alone, so every process finds the same.
 * @param costs of the tasks, then of the extras
 */
export function workOfShare({ tasks, extras }: MergeWork, costs: readonly number[], share: Share): MergeWork {
  if (costs.length !== tasks.length + extras.length)
    throw new FusionError('incompatible', 'The plan was written for other models than these.', {
      hint: 'Write the plan again.',
    })
  const owner = owners(costs, share.count)
  const isOwn = (part: number): boolean => owner[part] === share.index - 1
  return {
    tasks: tasks.filter((_, index) => isOwn(index)),
    extras: extras.filter((_, index) => isOwn(tasks.length + index)),
  }
}

/** Assumed seconds of every share. */
export function shareCosts(costs: readonly number[], count: number): number[] {
  const sums = Array<number>(count).fill(0)
  for (const [part, share] of owners(costs, count).entries()) sums[share]! += costs[part]!
  return sums
}

/** The share of every part, from 0. */
function owners(costs: readonly number[], count: number): number[] {
  const sums = Array<number>(count).fill(0)
  const owner = Array<number>(costs.length)
  for (const part of [...costs.keys()].sort((a, b) => costs[b]! - costs[a]! || a - b)) {
    const least = sums.indexOf(Math.min(...sums))
    sums[least]! += costs[part]!
    owner[part] = least
  }
  return owner
}
