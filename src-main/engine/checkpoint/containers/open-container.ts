import type { WeightsContainer } from './container'
import { containerOf } from './file-start'
import { readPickleFile } from './pickle-file'
import { readSafetensors } from './safetensors'
import { withScales } from './scaled-weights'

/**
 * Opens a file of weights from its header alone, by the container that it is. Another container is one more reader,
 * chosen here by the first bytes of the file.
 *
 * Weights that are stored as fp8 with scales are what they mean (scaled-weights.ts).
 *
 * @throws FusionError 'not-found', 'unreadable', 'malformed'; 'unsupported' for files of another kind, by what they are
 */
export async function openContainer(path: string): Promise<WeightsContainer> {
  return withScales(await ((await containerOf(path)) === 'pickle' ? readPickleFile(path) : readSafetensors(path)))
}
