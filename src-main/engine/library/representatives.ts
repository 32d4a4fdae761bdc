import type { StoredTensor } from '../checkpoint/containers/container'

/**
 * The first tensor of all whose names differ in numbers alone (of blocks, layers) and that have as many dimensions: what
 * tells kinds apart is the same in all of them, and files have thousands.
 */
export function representatives(tensors: readonly StoredTensor[]): StoredTensor[] {
  const byName = new Map<string, StoredTensor>()
  for (const tensor of tensors) {
    const key = `${tensor.name.replace(/[._]\d+(?=[._])/g, '')} ${tensor.shape.length}`
    if (!byName.has(key)) byName.set(key, tensor)
  }
  return [...byName.values()]
}
