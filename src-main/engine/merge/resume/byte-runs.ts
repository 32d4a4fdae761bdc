/** Bytes that stand one after the other. */
export interface ByteRun {
  offset: number
  byteLength: number
}

/** Runs of bytes that touch each other as one, in their order. */
export function joined(ranges: readonly ByteRun[]): ByteRun[] {
  const runs: ByteRun[] = []
  for (const { offset, byteLength } of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const last = runs.at(-1)
    if (last && offset <= last.offset + last.byteLength)
      last.byteLength = Math.max(last.byteLength, offset + byteLength - last.offset)
    else runs.push({ offset, byteLength })
  }
  return runs
}

/** Whether all bytes of a range lie in one of some joined runs. */
export function isInside({ offset, byteLength }: ByteRun, runs: readonly ByteRun[]): boolean {
  return runs.some((run) => run.offset <= offset && offset + byteLength <= run.offset + run.byteLength)
}
