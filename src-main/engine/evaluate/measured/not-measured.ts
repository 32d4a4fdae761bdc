import { FusionError } from '../../../contract/errors'

/** A result that is wanted, is not kept, and must not be measured now. */
export class NotMeasured extends FusionError {
  constructor() {
    super('not-found', 'It is not measured yet.')
  }
}
