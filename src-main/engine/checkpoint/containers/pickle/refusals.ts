import { FusionError } from '../../../../contract/errors'

/** The pickle of a model describes its tensors: 150 bytes for each. */
export const MOST_PICKLE_BYTES = 64e6

const SAVE_WEIGHTS = 'Save the weights of one model alone: torch.save(model.state_dict(), FILE), or as safetensors.'

/** The error of a file that holds something else than weights. @param what after 'PATH is ' */
export function noWeights(path: string, what: string): FusionError {
  return new FusionError('unsupported', `${path} is ${what}.`, { hint: SAVE_WEIGHTS })
}

/** The error of torch.save(model). @param className its class, where it is known */
export function wholeProgram(path: string, className = ''): FusionError {
  const ofClass = className && ` of the class ${className}`
  return noWeights(path, `a whole model with its program${ofClass}, not its weights alone`)
}

/** @throws FusionError 'unsupported' for a pickle that no model needs, before memory is taken */
export function refuseLongPickle(path: string, byteLength: number): void {
  if (byteLength <= MOST_PICKLE_BYTES) return
  throw new FusionError('unsupported', `${path} has a pickle of ${byteLength} bytes, more than any model needs.`, {
    hint: SAVE_WEIGHTS,
  })
}
