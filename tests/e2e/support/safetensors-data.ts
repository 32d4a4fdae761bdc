import { readFile, writeFile } from 'node:fs/promises'

/** What a merge wrote, without what it says about itself: every tensor's place and all bytes of data. */
export async function tensorsOf(path: string): Promise<{ header: Record<string, unknown>; data: Buffer }> {
  const file = await readFile(path)
  const length = Number(file.readBigUInt64LE(0))
  const { __metadata__: _, ...header } = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<string, unknown>
  return { header, data: file.subarray(8 + length) }
}

/** Gives a file of weights other metadata. */
export async function setMetadata(path: string, metadata: Record<string, string>): Promise<void> {
  const { header, data } = await tensorsOf(path)
  const text = Buffer.from(JSON.stringify({ __metadata__: metadata, ...header }))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  await writeFile(path, Buffer.concat([length, text, data]))
}
