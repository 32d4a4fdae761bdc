import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { encodeHeader } from '../../../../src-main/engine/checkpoint/containers/safetensors-write'
import { readFloats } from '../../../../src-main/engine/checkpoint/containers/stored-values'
import { loadPipeline } from '../../../../src-main/engine/diffusion/load-pipeline'
import { encodePrompt } from '../../../../src-main/engine/diffusion/prompt-encoder'
import { readTextualInversion, type TextualInversion } from '../../../../src-main/engine/diffusion/textual-inversion'
import { loadTokenizer } from '../../../../src-main/engine/tokenizer/vocabulary'
import { family } from '../../demo-family'

const MODEL = family.base.path
const folder = mkdtempSync(join(tmpdir(), 'ff-textual-inversion-'))
afterAll(() => rmSync(folder, { recursive: true }))

function write(name: string, tensors: Record<string, { shape: number[]; values: Float32Array }>): string {
  const entries = Object.entries(tensors)
  const header = encodeHeader(
    entries.map(([key, { shape, values }]) => ({
      name: key,
      elementType: 'F32' as const,
      shape,
      byteLength: values.byteLength,
    })),
    {},
  )
  const path = join(folder, name)
  writeFileSync(path, Buffer.concat([header, ...entries.map(([, { values }]) => new Uint8Array(values.buffer))]))
  return path
}

/** The model's own rows for the words of a text. */
async function ownRows(text: string): Promise<{ shape: number[]; values: Float32Array }> {
  const { tensors } = (await openCheckpoint(MODEL)).components.get('text_encoder')!
  const name = [...tensors.keys()].find((key) => key.endsWith('token_embedding.weight'))!
  const table = readFloats(tensors.get(name)!.stored)
  const width = tensors.get(name)!.shape[1]!
  const ids = loadTokenizer(join(MODEL, 'tokenizer')).tokens(text)
  const values = Float32Array.from(ids.flatMap((id) => [...table.subarray(id * width, (id + 1) * width)]))
  return { shape: [ids.length, width], values }
}

async function states(prompts: readonly string[], textualInversions: TextualInversion[]): Promise<Float32Array[]> {
  const pipeline = await loadPipeline(await openCheckpoint(MODEL), { device: 'cpu', textualInversions })
  const reading = { syntax: 'plain', clipSkip: 0, chunks: 1 } as const
  const found: Float32Array[] = []
  for (const prompt of prompts) found.push((await encodePrompt(pipeline.parts.textEncoders, prompt, reading)).states)
  await pipeline.release()
  return found
}

describe('textual inversion', () => {
  it('stands for its vectors anywhere in a prompt: the rows of known words give what these words give', async () => {
    const learned = write('learned_embeds.safetensors', { '<My-Fruit>': await ownRows('red apple') })
    const web = write('pet-7x.safetensors', { emb_params: await ownRows('cat') })
    const inversions = [await readTextualInversion(learned), await readTextualInversion(web)]
    expect(inversions.map(({ token }) => token)).toEqual(['<My-Fruit>', 'pet-7x'])
    const prompts = [
      'a sketch of red apple, cat',
      'a sketch of <My-Fruit>, pet-7x',
      'a sketch of <my-fruit>, PET-7X',
      'cat',
    ]
    const [plain, own, lower, other] = await states(prompts, inversions)
    expect(own).toEqual(plain)
    expect(lower).toEqual(plain)
    expect(other).not.toEqual(plain)
  })

  it('takes its word from the caller, and refuses one that the model knows', async () => {
    // Every vocabulary of bytes knows this one.
    const path = write('a.safetensors', { emb_params: await ownRows('dog') })
    expect((await readTextualInversion(path, 'felis')).token).toBe('felis')
    await expect(states(['x'], [await readTextualInversion(path)])).rejects.toMatchObject({ kind: 'validation' })
  })

  it('refuses what fits no text encoder of the model', async () => {
    const narrow = write('narrow.safetensors', { '<x>': { shape: [2, 3], values: new Float32Array(6) } })
    await expect(states(['x'], [await readTextualInversion(narrow)])).rejects.toMatchObject({
      kind: 'incompatible',
      message: expect.stringContaining('vectors of 3 numbers') as string,
    })
  })

  it('refuses files of other kinds by name', async () => {
    const pickle = join(folder, 'style.pt')
    writeFileSync(pickle, 'PK\x03\x04 and so on')
    await expect(readTextualInversion(pickle)).rejects.toMatchObject({ kind: 'malformed' })
    const values = new Float32Array(4)
    const model = write('model.safetensors', { a: { shape: [4], values }, b: { shape: [4], values } })
    await expect(readTextualInversion(model)).rejects.toMatchObject({ kind: 'unsupported' })
    const cube = write('cube.safetensors', { a: { shape: [1, 2, 2], values } })
    await expect(readTextualInversion(cube)).rejects.toMatchObject({ kind: 'malformed' })
  })
})
