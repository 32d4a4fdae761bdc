import { ram as descriptor } from '../../../../contract/methods/elementwise/ram'
import type { ElementwiseMerge, ElementwiseMethod } from '../method'
import { addToBase, Changes } from './changes'

/**
 * RAM and RAM+ (mergekit's ram and ramplus_tl): an entry that one specialist alone has changed is added in full, times
 * 1 + boost · shared / alone (held below the limit) by the specialist's numbers of entries; of an entry that several have
 * changed, the mean of their changes is added. Changes are times their weights.
 */
export const ram = {
  ...descriptor,
  start(context) {
    const [, ...weights] = context.weights
    const { leastChange, boost, boostLimit, scale } = context.settings
    const changes = new Changes(context)
    const shared = weights.map(() => 0)
    const alone = weights.map(() => 0)
    const numberOfMoved = (all: readonly Float64Array[], i: number): number => {
      let number = 0
      for (const change of all) if (Math.abs(change[i]!) > leastChange) number++
      return number
    }
    const count: ElementwiseMerge['scans'][number] = (block) => {
      const all = changes.of(block)
      for (let i = 0; i < block.count; i++) {
        const number = numberOfMoved(all, i)
        if (number === 0) continue
        const counts = number === 1 ? alone : shared
        all.forEach((change, m) => {
          if (Math.abs(change[i]!) > leastChange) counts[m]!++
        })
      }
    }
    const growthOf = (m: number): number =>
      boost === 0 ? 1 : 1 + boost * Math.min(boostLimit, shared[m]! / Math.max(leastChange, alone[m]!))
    return {
      scans: boost === 0 ? [] : [count],
      apply(block, into) {
        const all = changes.of(block)
        const own = weights.map((weight, m) => weight * growthOf(m))
        for (let i = 0; i < block.count; i++) {
          const number = numberOfMoved(all, i)
          let sum = 0
          for (let m = 0; m < all.length; m++) {
            const change = all[m]![i]!
            if (Math.abs(change) > leastChange) sum += change * (number === 1 ? own[m]! : weights[m]! / number)
          }
          into[i] = sum
        }
        addToBase(block.base, scale, into)
      },
    }
  },
} satisfies ElementwiseMethod
