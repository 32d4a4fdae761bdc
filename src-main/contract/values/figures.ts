/**
 * A number as people write it: −0.2, not -0.19999999999999996; 1230, not 1.23e+3.
 * @param digits how many significant ones at most
 */
export function figure(value: number, digits = 10): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'not a number' : value > 0 ? 'infinite' : '−infinite'
  const rounded = Number(value.toPrecision(digits))
  return withMinus(String(rounded === 0 ? 0 : rounded))
}

/** A number's text with a true minus sign. */
export function withMinus(text: string): string {
  return text.replace(/^-/, '−')
}
