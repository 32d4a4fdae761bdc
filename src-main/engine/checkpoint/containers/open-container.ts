import type { WeightsContainer } from './container'
import { containerOf } from './file-start'
import { readPickleFile } from './pickle-file'
import { readSafetensors } from './safetensors'
import { withScales } from './derived/scaled-weights'

/**
 * Opens a file of weights from its header alone, by the container that it is, as it is stored. Another container is one
 * more reader, chosen here by the first bytes of the file.
 *
 * @throws FusionError 'not-found', 'unreadable', 'malformed'; 'unsupported' for files of another kind, by what they are
 */
export async function openContainer(path: string): Promise<WeightsContainer> {
  return (await containerOf(path)) === 'pickle' ? readPickleFile(path) : readSafetensors(path)
}

/**
 * A file of a model as what it means: weights that are stored as fp8 with scales are their values.
 *
 * @throws what openContainer and withScales throw
 */
export async function openWeights(path: string): Promise<WeightsContainer> {
  return withScales(await openContainer(path))
}
