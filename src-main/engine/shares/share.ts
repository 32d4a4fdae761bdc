/** The most shares that work can have: more than it has parts are of no use. */
export const MOST_SHARES = 9999

/** One of several parts of some work, counted from 1. */
export interface Share {
  index: number
  count: number
}

export function shareName({ index, count }: Share): string {
  return `${index}-of-${count}`
}

/** The share that a file's name says; null for other names. */
export function shareOfName(name: string): Share | null {
  const [, index, count] = /^(\d+)-of-(\d+)$/.exec(name) ?? []
  const share = { index: Number(index), count: Number(count) }
  return index !== undefined && isShare(share) && shareName(share) === name ? share : null
}

export function isShare({ index, count }: Share): boolean {
  return Number.isInteger(index) && Number.isInteger(count) && index >= 1 && index <= count && count <= MOST_SHARES
}

/** For people. */
export function shareInWords({ index, count }: Share): string {
  return `${index}/${count}`
}
