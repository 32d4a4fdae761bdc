import type { LiveFeeding, LiveState } from '../../../src-main/contract/preview'
import { formatBytes, formatCount, formatPercent, formatSeconds } from '../../shared/format'

/** Whether the pictures are those of the project as it is now, all of them, with all steps. */
export function isSettled({ stage, current, pictures }: LiveState): boolean {
  return stage === 'shown' && current && pictures.every(({ url }) => url !== null)
}

/** What it is doing, or has done: 'drawing, 40 %', 'drawn with 20 steps'. */
export function stageWords({ stage, progress, contributions, steps }: LiveState): string {
  switch (stage) {
    case 'off':
      return 'off'
    case 'waiting':
      return 'queued'
    case 'contributions': {
      const size = contributions ? `; about ${formatBytes(contributions.bytes)} on disk` : ''
      return `computing contributions, ${formatPercent(progress)} (once per set of models${size})`
    }
    case 'loading':
      return 'loading the network'
    case 'summing':
      return progress > 0 ? `writing the weights, ${formatPercent(progress)}` : 'summing weights'
    case 'drawing':
      return `drawing, ${formatPercent(progress)}`
    case 'shown':
      return `drawn with ${steps} steps`
  }
}

/** What the last change cost: 'summed 14 of 262 tensors in 0.03 s · first pictures after 0.42 s'. */
export function costWords({ summed, seconds }: LiveState): string {
  const parts: string[] = []
  if (summed) {
    const { tensors, of, seconds: taken } = summed
    parts.push(`summed ${formatCount(tensors)} of ${formatCount(of)} tensors in ${formatSeconds(taken)}`)
  }
  if (seconds !== null) parts.push(`first pictures after ${formatSeconds(seconds)}`)
  return parts.join(' · ')
}

/** How weights reach the network, what that costs, and why. */
export function feedingWords({ mode, fedSeconds, rebuiltSeconds, reason }: LiveFeeding): string {
  const rebuilt = `about ${formatSeconds(rebuiltSeconds)}`
  if (mode === 'fed') {
    const costs = fedSeconds ? `: about ${formatSeconds(fedSeconds)} more per change, instead of ${rebuilt}` : ''
    return `weights are fed into the loaded network${costs}`
  }
  const why = fedSeconds === null ? `. ${reason ?? ''}` : ` instead of ${formatSeconds(fedSeconds)} fed`
  return `the network is rebuilt for every change: ${rebuilt}${why}`
}
