import { breadcrumbs as descriptor } from '../../../../contract/methods/elementwise/breadcrumbs'
import { blockElements } from '../block-elements'
import type { ElementwiseContext, ElementwiseMerge, ElementwiseMethod } from '../method'
import { addToBase, addUp, Changes, type MixChanges } from './changes'
import { LargestEntries } from './largest-entries'

/**
 * What Breadcrumbs and Breadcrumbs-TIES share (Davari and Belilovsky 2023; mergekit's magnitude_outliers): of each
 * specialist's changes the `gamma` largest of a tensor go, and of the rest the `density` largest stay.
 */
export function startBreadcrumbs(context: ElementwiseContext, mix: MixChanges): ElementwiseMerge {
  const { kernels, count } = context
  const [, ...weights] = context.weights
  const { density, gamma, scale } = context.settings
  const kept = Math.floor(density * count)
  const first = Math.max(0, count - kept - Math.floor(gamma * count))
  const windows = weights.map(() => ({
    upper: new LargestEntries(kernels, count - first, 'last'),
    top: new LargestEntries(kernels, Math.max(0, count - first - kept), 'last'),
  }))
  const markers = windows.map(({ upper, top }) => ({ upper: upper.marker(), top: top.marker() }))
  const changes = new Changes(context)
  const marks = [0, 1].map(() => kernels.allocateMore(blockElements(count)))
  return {
    scans: (['countCoarse', 'countFine'] as const).map((pass) => (block) => {
      changes.of(block).forEach((change, m) => {
        windows[m]!.upper[pass](change)
        windows[m]!.top[pass](change)
      })
    }),
    apply(block, into) {
      const all = changes.of(block)
      const [inUpper, inTop] = marks.map((buffer) => buffer.bytes(block.count)) as [Uint8Array, Uint8Array]
      all.forEach((change, m) => {
        markers[m]!.upper(change, inUpper)
        markers[m]!.top(change, inTop)
        for (let i = 0; i < block.count; i++) if (!inUpper[i] || inTop[i]) change[i] = 0
      })
      mix(all, weights, into)
      addToBase(block.base, scale, into)
    },
  }
}

export const breadcrumbs = {
  ...descriptor,
  start: (context) => startBreadcrumbs(context, addUp),
} satisfies ElementwiseMethod
