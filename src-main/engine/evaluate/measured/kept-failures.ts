import { z } from 'zod'
import { errorReportSchema } from '../../../contract/document/models'
import { fromErrorReport, toErrorReport, type ErrorKind } from '../../../contract/errors'
import type { KeptIn } from './kept-in'
import { NotMeasured } from './not-measured'

const storedSchema = z.object({ failed: errorReportSchema })

/** Something that is to be measured. */
interface Wanted {
  /** Of its result. */
  key: string
  /** For people. */
  unit: string
}

/** Errors that follow from models, data and settings alone: every machine would say the same. */
const LASTING: readonly ErrorKind[] = ['validation', 'malformed', 'unsupported', 'incompatible', 'not-finite']

/** Whether an error is as good as a result: measuring once more would end with it again. */
export function isLasting(kind: ErrorKind): boolean {
  return LASTING.includes(kind)
}

/**
 * Measures something. Why it cannot be measured is kept under its key in a folder of results, and is what is found where
 * results are gathered. Who measures tries again: a result replaces it.
 * @throws what measuring throws; where results are gathered, what it threw before, or NotMeasured
 */
export async function keepingFailures<Result>(
  { results }: Pick<KeptIn, 'results'>,
  wanted: readonly Wanted[],
  measure: () => Promise<Result>,
): Promise<Result> {
  try {
    return await measure()
  } catch (error) {
    const store = results?.of(storedSchema)
    if (!store) throw error
    if (error instanceof NotMeasured) {
      const found = await Promise.all(wanted.map(({ key }) => store.find(key)))
      throw found[0] && found.every((each) => each !== null) ? fromErrorReport(found[0].failed) : error
    }
    const failed = toErrorReport(error)
    for (const { key, unit } of isLasting(failed.kind) ? wanted : [])
      if (!results!.has(key)) await store.keep(key, { failed }, unit)
    throw error
  }
}
