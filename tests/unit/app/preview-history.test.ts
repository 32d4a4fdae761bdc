import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PreviewHistory } from '../../../src-main/app/previews/preview-history'
import type { Picture } from '../../../src-main/contract/preview'

let folder: string
let history: PreviewHistory

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'history-'))
  history = await PreviewHistory.open(folder)
})
afterEach(() => rmSync(folder, { recursive: true }))

async function put(id: string, time: number, merge: string | null = null): Promise<void> {
  writeFileSync(history.file(id), id)
  const settings: Picture['settings'] = {
    variant: { type: 'base' },
    prompt: 'red apple',
    negativePrompt: '',
    seed: 1,
    steps: 20,
    guidance: 7.5,
    scheduler: 'ddim',
  }
  await history.add({ id, job: 'job', time, width: 64, height: 64, url: `files/pictures/${id}.png`, settings, merge })
}

const ids = (pictures: Picture[]) => pictures.map(({ id }) => id)

describe('the history of pictures', () => {
  it('is there again after a crash, newest first; half-written entries are left out', async () => {
    for (let index = 0; index < 150; index++) await put(`p${index}`, index)
    writeFileSync(join(folder, 'broken.json'), '{"id": "bro')
    const again = await PreviewHistory.open(folder)
    expect(ids(again.list(undefined, 3))).toEqual(['p149', 'p148', 'p147'])
    expect(ids(again.list(147, 2))).toEqual(['p146', 'p145'])
    expect(again.list(undefined, 500)).toHaveLength(150)
  })

  it('knows the last merge that was another one', async () => {
    await put('a', 1, 'first')
    await put('b', 2, 'second')
    await put('c', 3)
    expect(history.lastOtherMerge('second')).toBe('first')
    expect(history.lastOtherMerge('third')).toBe('second')
    await history.forget(['a'])
    expect(history.lastOtherMerge('second')).toBeNull()
    expect(existsSync(history.file('a'))).toBe(false)
  })

  it('saves a picture elsewhere, over nothing unasked', async () => {
    await put('a', 1)
    const target = join(folder, 'mine.txt')
    await history.saveAs('a', target, false)
    expect(readFileSync(target, 'utf8')).toBe('a')
    await expect(history.saveAs('a', target, false)).rejects.toMatchObject({ kind: 'target' })
    await expect(history.saveAs('a', target, true)).rejects.toMatchObject({
      message: expect.stringMatching(/not a PNG/),
    })
    writeFileSync(target, Buffer.from('89504e470d0a1a0a', 'hex'))
    await history.saveAs('a', target, true)
    expect(readFileSync(target, 'utf8')).toBe('a')
    await expect(history.saveAs('gone', target, true)).rejects.toMatchObject({ kind: 'not-found' })
  })
})
