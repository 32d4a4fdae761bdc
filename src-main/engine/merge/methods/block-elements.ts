/** Elements of a block: what methods keep of it in float64 stays in a processor's second-level cache. */
const BLOCK_ELEMENTS = 8_192

/**
 * Elements of the blocks of a tensor, at most: of whole runs as many as fit, at least one.
 * @param runLength elements that must not be parted
 */
export function blockElements(count: number, runLength = 1): number {
  return Math.min(count, Math.max(1, Math.floor(BLOCK_ELEMENTS / runLength)) * runLength)
}
