/** A floating-point format by its definition: bits of the fraction, exponent of the smallest normal number, largest. */
export interface Format {
  fractionBits: number
  lowestExponent: number
  largest: number
}

export const HALF: Format = { fractionBits: 10, lowestExponent: -14, largest: 65504 }
export const BFLOAT: Format = { fractionBits: 7, lowestExponent: -126, largest: (2 - 2 ** -7) * 2 ** 127 }
export const E4M3: Format = { fractionBits: 3, lowestExponent: -6, largest: 448 }
export const E5M2: Format = { fractionBits: 2, lowestExponent: -14, largest: 57344 }

/** `value` rounded to the format in plain arithmetic, ties to even; infinite beyond the largest. */
export function rounded(value: number, { fractionBits, lowestExponent, largest }: Format): number {
  if (value === 0 || !Number.isFinite(value)) return value
  const exponent = Math.max(lowestExponent, exponentOf(Math.abs(value)))
  const unit = 2 ** (exponent - fractionBits)
  const steps = value / unit
  const floor = Math.floor(steps)
  const rest = steps - floor
  const up = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0)
  const result = (floor + (up ? 1 : 0)) * unit
  return Math.abs(result) > largest ? Infinity * Math.sign(result) : result === 0 ? 0 * Math.sign(value) : result
}

function exponentOf(magnitude: number): number {
  let exponent = Math.round(Math.log2(magnitude))
  while (2 ** exponent > magnitude) exponent--
  while (2 ** (exponent + 1) <= magnitude) exponent++
  return exponent
}

/** The values of all non-negative codes in order: steps of one size up to the first binade's end, then doubling. */
export function positiveValues({ fractionBits, lowestExponent, largest }: Format): number[] {
  const values = [0]
  const perBinade = 2 ** fractionBits
  for (let step = 2 ** (lowestExponent - fractionBits), binade = 0; ; binade++) {
    for (let i = 0; i < perBinade; i++) {
      const next = values.at(-1)! + step
      if (next > largest) return values
      values.push(next)
    }
    if (binade > 0) step *= 2
  }
}
