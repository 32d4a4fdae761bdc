import type { PairedLosses } from '../../../contract/evaluate/losses'
import { mean } from '../losses/bootstrap'
import type { ModelLosses } from '../losses/loss-table'

/** How two models differ on the same pictures: a − b. */
export interface PairedDifference extends PairedLosses {
  /** Pictures. */
  count: number
}

/** Compares losses picture by picture. @param a @param b of the same pictures, at least two */
export function pairedDifference(a: readonly number[], b: readonly number[]): PairedDifference {
  const count = a.length
  const differences = a.map((value, i) => value - b[i]!)
  const difference = mean(differences)
  return { mean: difference, standardError: standardError(differences), relative: difference / mean(b), count }
}

/** The standard error of the mean of values, at least two. */
export function standardError(values: readonly number[]): number {
  const middle = mean(values)
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0)
  return Math.sqrt(squares / (values.length - 1) / values.length)
}

/**
 * How two models differ over all domains, picture by picture; every domain counts the same. Where a domain has one
 * picture alone, the error is that of the domains' means; of a single picture nothing is known, and the error is as
 * large as the difference.
 */
export function pairedLosses(a: Pick<ModelLosses, 'losses'>, b: Pick<ModelLosses, 'losses'>): PairedLosses {
  const domains = a.losses.map((own, place) => own.map((row, i) => mean(row) - mean(b.losses[place]![i]!)))
  const difference = mean(domains.map(mean))
  const reference = mean(b.losses.map((own) => mean(own.map(mean))))
  return { mean: difference, standardError: errorOf(domains), relative: difference / reference }
}

function errorOf(domains: readonly (readonly number[])[]): number {
  if (domains.every(({ length }) => length > 1))
    return Math.sqrt(domains.map(standardError).reduce((sum, error) => sum + error ** 2, 0)) / domains.length
  const means = domains.map(mean)
  return means.length > 1 ? standardError(means) : Math.abs(means[0]!)
}

/** Whether a difference is more than two of its standard errors: more than the choice of pictures explains. */
export function exceedsTwoErrors({ mean: difference, standardError: error }: PairedLosses): boolean {
  return Math.abs(difference) > 2 * error
}

/** A difference as a part of the other loss: '−1.10 % ± 0.17'. */
export function differenceInWords({ relative, mean: difference, standardError: error }: PairedLosses): string {
  const percent = (value: number): string => (100 * value).toFixed(2).replace('-', '−')
  const scale = difference === 0 ? 0 : Math.abs(relative / difference)
  return `${relative > 0 ? '+' : ''}${percent(relative)} % ± ${percent(error * scale)}`
}
