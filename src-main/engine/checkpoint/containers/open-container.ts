import { refuseOtherFile } from './file-start'
import { readSafetensors } from './safetensors'
import type { WeightsContainer } from './container'

/**
 * Opens a file of weights from its header alone, by the container that it is. Another container is one more reader,
 * chosen here by the first bytes of the file.
 *
 * @throws FusionError 'not-found', 'unreadable', 'malformed'; 'unsupported' for files of another kind, by what they are
 */
export async function openContainer(path: string): Promise<WeightsContainer> {
  await refuseOtherFile(path)
  return readSafetensors(path)
}
