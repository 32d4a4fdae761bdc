import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A model with the layers of another one and weights of no ancestor; its folder. */
export async function writeStranger(model: string, into: string): Promise<string> {
  const stranger = join(into, 'stranger')
  await cp(model, stranger, { recursive: true })
  const file = join(stranger, 'diffusion_pytorch_model.safetensors')
  const bytes = await readFile(file)
  const start = 8 + Number(bytes.readBigUInt64LE(0))
  // ±0.03 to ±0.06 in float16, of a generator that repeats itself after 2³².
  for (let at = start, state = 1; at < bytes.length; at += 2) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes.writeUInt16LE(((state >>> 31) << 15) | (10 << 10) | ((state >>> 16) & 1023), at)
  }
  await writeFile(file, bytes)
  return stranger
}
