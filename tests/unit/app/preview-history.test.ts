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

const source = (path: string, state = 'as it was') => ({ name: path, path, state, sha256: null })

async function put(id: string, time: number, merge: string | null = null, sources = [source('base')]): Promise<void> {
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
  const url = `files/pictures/${id}.png`
  await history.add({ id, job: 'job', time, width: 64, height: 64, url, settings, merge, sources, cell: null })
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

  it('keeps what scorers say of a picture, but of none that is gone', async () => {
    await put('a', 1)
    expect(await history.addScore('a', 'hps', 0.25)).toMatchObject({ id: 'a', scores: { hps: 0.25 } })
    await history.addScore('a', 'clip', 24)
    const again = await PreviewHistory.open(folder)
    expect(again.list(undefined, 1)[0]!.scores).toEqual({ hps: 0.25, clip: 24 })
    expect(await history.addScore('none', 'hps', 1)).toBeNull()
    const late = history.addScore('a', 'hps', 1)
    await history.forget(['a'])
    expect(await late).toBeNull()
    expect((await PreviewHistory.open(folder)).list(undefined, 1)).toEqual([])
    // One that an earlier or a later version wrote is still a picture.
    await put('b', 2)
    const file = join(folder, 'b.json')
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), scores: { unknown: 1 } }))
    expect((await PreviewHistory.open(folder)).list(undefined, 1)).toMatchObject([{ id: 'b' }])
  })

  it('knows the last merge that was another one', async () => {
    await put('a', 1, 'first')
    await put('b', 2, 'second')
    await put('c', 3)
    expect(history.lastOtherMerge('second', ['base'])).toBe('first')
    expect(history.lastOtherMerge('third', ['base'])).toBe('second')
    await history.forget(['a'])
    expect(history.lastOtherMerge('second', ['base'])).toBeNull()
    expect(existsSync(history.file('a'))).toBe(false)
  })

  it('shows pictures and runs for the models that they are of, as their files were', async () => {
    await put('a', 1, null, [source('base')])
    await put('b', 2, 'merge', [source('base'), source('food')])
    await put('c', 3, 'merge', [source('base'), source('food', 'replaced')])
    const run = { id: 'job', time: 1, variants: [], prompts: [], seeds: [], grid: null, asked: null }
    await history.addRun({ ...run, sources: [source('base'), source('food')] })
    const again = await PreviewHistory.open(folder)
    const seen = (...models: ReturnType<typeof source>[]) => [
      ids(again.list(undefined, 10, models)),
      again.runsOf(models).length,
    ]
    expect(seen(source('base'), source('food'))).toEqual([['b', 'a'], 1])
    expect(seen(source('base'), source('animals'))).toEqual([['a'], 0])
    expect(seen(source('food'), source('base'))).toEqual([[], 0])
    expect(seen()).toEqual([[], 0])
    expect(again.lastOtherMerge('other', ['base', 'animals'])).toBeNull()
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
