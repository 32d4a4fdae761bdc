import type { HistoryEntry } from '../../../src-main/contract/history'
import type { Picture } from '../../../src-main/contract/preview'
import { variantKey, variantLabel } from '../../../src-main/contract/values/variant'

/** Two pictures of the same prompt and seed. */
export interface PicturePair {
  a: Picture
  b: Picture
  words: string
}

interface Shown {
  entry: Pick<HistoryEntry, 'kind'>
  pictures: readonly Picture[]
}

/**
 * Pictures of two entries that show the same prompt and seed, drawn by the same or by the merge of each, of two grids in
 * cells of the same labels; those of merges first, and of them the newest.
 */
export function picturePairs(one: Shown, other: Shown): PicturePair[] {
  const areGrids = one.entry.kind === 'grid' && other.entry.kind === 'grid'
  const keyOf = ({ settings, cell }: Picture, { entry }: Shown): string => {
    const { prompt, seed, variant } = settings
    // Pictures that stand for an export were drawn by its weights, as whatever they were drawn then.
    const isRun = entry.kind === 'pictures' || entry.kind === 'grid'
    return JSON.stringify([prompt, seed, areGrids ? cell?.label : isRun ? variantKey(variant) : 'merge'])
  }
  const theirs = new Map<string, Picture>()
  for (const picture of other.pictures) {
    const key = keyOf(picture, other)
    if (!theirs.has(key)) theirs.set(key, picture)
  }
  const taken = new Set<string>()
  const pairs = one.pictures.flatMap((a) => {
    const key = keyOf(a, one)
    const b = theirs.get(key)
    if (!b || b.id === a.id || taken.has(key)) return []
    taken.add(key)
    const { prompt, seed, variant } = a.settings
    const drawnBy = areGrids ? `${a.cell?.label} · ` : variant.type === 'merge' ? '' : `${variantLabel(variant)} · `
    return [{ a, b, words: `${drawnBy}${prompt} · seed ${seed}` }]
  })
  // Unmerged models draw the same, unless it was drawn in another way.
  const isMerged = ({ a }: PicturePair): boolean => a.merge !== null
  return [...pairs.filter(isMerged), ...pairs.filter((pair) => !isMerged(pair))]
}
