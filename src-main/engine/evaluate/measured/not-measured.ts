import { FusionError } from '../../../contract/errors'

/** A result that is wanted, is not kept, and must not be measured: results are gathered. */
export class NotMeasured extends FusionError {
  constructor() {
    super('not-found', 'It is not measured yet.')
  }
}

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
