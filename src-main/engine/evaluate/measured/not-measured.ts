import { FusionError } from '../../../contract/errors'

/** A result that is wanted, is not kept, and must not be measured: results are gathered. */
export class NotMeasured extends FusionError {
  constructor() {
    super('not-found', 'It is not measured yet.')
  }
}

/** What to do about results that are not there when they are gathered. */
export const GATHERING_HINT =
  'Or leave --gather out: what is missing is measured here. Results of a graphics card are found by its name, on every machine: --device cuda.'

/** Whether all that some work looks for is kept. @throws whatever else the work throws */
export async function isMeasured(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    if (error instanceof NotMeasured) return false
    throw error
  }
}
