import { InvalidArgumentError } from 'commander'
import { MOST_COUNT, MOST_STEPS, MOST_THREADS } from '../../contract/values/limits'

/** One more value of an option that can be given often. */
export const collect = (value: string, previous: string[]): string[] => [...previous, value]

/** A number of an option. */
export function number(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It is not a number.')
  return value
}

const SIZE_UNITS = { '': 1, KB: 1e3, MB: 1e6, GB: 1e9, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30 } as const

/** A size in bytes, as diffusers writes it: '10GB', '500 MB', '2GiB'. */
export function size(text: string): number {
  const [, value, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([KMG]i?B)?\s*$/i.exec(text) ?? []
  if (value === undefined) throw new InvalidArgumentError('It is not a size such as 10GB or 500MB.')
  return Math.round(Number(value) * SIZE_UNITS[unit.toUpperCase() as keyof typeof SIZE_UNITS])
}

/** A whole number of an option, at least 1 if nothing else is said. */
function countUpTo(text: string, most: number, least = 1): number {
  const value = number(text)
  if (!Number.isInteger(value) || value < least)
    throw new InvalidArgumentError(`It is not a whole number from ${least} on.`)
  if (value > most) throw new InvalidArgumentError(`It is more than ${most}.`)
  return value
}

export function count(text: string): number {
  return countUpTo(text, MOST_COUNT)
}

/** A timestep of training; the first is 0. */
export function timestep(text: string): number {
  return countUpTo(text, MOST_COUNT, 0)
}

/** How many steps a picture takes. */
export function steps(text: string): number {
  return countUpTo(text, MOST_STEPS)
}

/** How many threads an operator has. */
export function threads(text: string): number {
  return countUpTo(text, MOST_THREADS)
}

/** A number above 0 and up to 1. */
export function part(text: string): number {
  const value = number(text)
  if (value <= 0 || value > 1) throw new InvalidArgumentError('It is not a number above 0 and up to 1.')
  return value
}

/** Reads one of some values of an option that can be given often. */
export function oneOf<T extends string>(choices: readonly T[]): (value: string, previous: T[]) => T[] {
  return (value, previous) => {
    const found = choices.find((choice) => choice === value)
    if (found === undefined) throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`)
    return [...previous, found]
  }
}
