import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { HistoryFile, type HistoryBounds } from '../../../../src-main/app/history/history-file'
import { EMPTY_PROJECT } from '../../../../src-main/project/edits'
import type { EvaluationRecord } from '../../../../src-main/contract/history'

let folder: string
let path: string
let warnings: string[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'history-'))
  path = join(folder, 'data', 'history.jsonl')
  warnings = []
})
afterEach(() => rmSync(folder, { recursive: true }))

async function opened(bounds?: HistoryBounds): Promise<HistoryFile> {
  const file = new HistoryFile(path, (message) => warnings.push(message), bounds)
  await file.open()
  return file
}

function record(id: string): EvaluationRecord {
  const { models, method, output } = EMPTY_PROJECT
  const { include, dtype } = output
  return {
    ...{ id, time: 1, kind: 'evaluation', part: 'table', folder: 'pictures', split: 'all', verdict: '' },
    merge: { models, method, output: { include, dtype } },
  }
}

const idsOf = ({ records }: HistoryFile): string[] => records.map(({ id }) => id)
const linesOf = (text: string): number => text.split('\n').length - 1

it('is there again, without what was removed; every entry is a line that is only appended', async () => {
  const file = await opened()
  for (const id of ['a', 'b', 'c']) await file.add(record(id))
  const before = readFileSync(path, 'utf8')
  await file.remove(['b', 'run of pictures'])
  await file.remove(['b'])
  expect(readFileSync(path, 'utf8').startsWith(before)).toBe(true)
  expect(linesOf(readFileSync(path, 'utf8'))).toBe(5)
  for (const one of [file, await opened()]) {
    expect(one.records).toEqual([record('a'), record('c')])
    expect(one.isRemoved('run of pictures')).toBe(true)
    expect(one.damaged).toBe(0)
  }
  expect(warnings).toEqual([])
  if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600)
})

it('says and skips damaged lines; one that was half written spoils no other', async () => {
  await (await opened()).add(record('a'))
  appendFileSync(path, 'no JSON\n{"kind":"merge"}\n\n{"kind":"evaluation","id":"b","ti')
  const file = await opened()
  expect(idsOf(file)).toEqual(['a'])
  expect(file.damaged).toBe(3)
  expect(warnings).toEqual([expect.stringMatching(/^3 damaged lines of .*history\.jsonl are skipped/)])
  await file.add(record('c'))
  expect(idsOf(await opened())).toEqual(['a', 'c'])
})

it('is bounded: the oldest lines go, and with them what was removed', async () => {
  const file = await opened({ lines: 8, characters: 1e6 })
  for (let index = 0; index < 8; index++) await file.add(record(`${index}`))
  await file.remove(['7'])
  await file.add(record('8'))
  expect(linesOf(readFileSync(path, 'utf8'))).toBe(10)
  await file.add(record('9'))
  // The line that removed another one counts, since it may be about pictures.
  const kept = ['1', '2', '3', '4', '5', '6', '8', '9'].slice(1)
  expect(idsOf(file)).toEqual(kept)
  expect(idsOf(await opened())).toEqual(kept)
  expect(linesOf(readFileSync(path, 'utf8'))).toBe(8)
})

it('keeps the newest line, however long it is', async () => {
  const file = await opened({ lines: 8, characters: 10 })
  for (const id of ['a', 'b']) await file.add(record(id))
  expect(idsOf(file)).toEqual(['b'])
  expect(idsOf(await opened())).toEqual(['b'])
})

it('goes on in memory where nothing can be written', async () => {
  writeFileSync(join(folder, 'data'), 'a file in the place of the folder')
  const file = await opened()
  await file.add(record('a'))
  expect(idsOf(file)).toEqual(['a'])
  expect(warnings.at(-1)).toMatch(/could not be kept/)
})
