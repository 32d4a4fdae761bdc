import { appendFileSync, existsSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { open as openFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, expect, it, vi } from 'vitest'
import { FusionError } from '../../../../../src-main/contract/errors'
import { domainLossesSchema } from '../../../../../src-main/engine/evaluate/losses/loss-key'
import { keepingFailures } from '../../../../../src-main/engine/evaluate/measured/kept-failures'
import { readLine, writeLine } from '../../../../../src-main/engine/evaluate/measured/line-text'
import { NotKept } from '../../../../../src-main/engine/files/kept/not-kept'
import { ResultLines } from '../../../../../src-main/engine/evaluate/measured/result-lines'
import { temporaryFolder } from '../../merge/models'

const LOSSES = { losses: [[0.1, 1 / 3, 2e-9], [7]], seconds: 0.5 }
const OTHER = { losses: [[1]], seconds: null }

let folder: string
beforeEach(() => void (folder = temporaryFolder()))

const open = (own = '1-of-2'): Promise<ResultLines> => ResultLines.open(folder, own)
const file = (own = '1-of-2'): string => join(folder, `${own}.jsonl`)
const losses = (results: ResultLines) => results.of(domainLossesSchema)

it('results of all files come back to the last bit, under their keys alone', async () => {
  await losses(await open('1-of-2')).keep('a', LOSSES, 'base on food')
  await losses(await open('2-of-2')).keep('b', OTHER, 'base on flat')
  const results = await open('rest')
  expect(await losses(results).find('a')).toEqual(LOSSES)
  expect(results.unused).toEqual([{ unit: 'base on flat', place: 'line 1 of 2-of-2.jsonl', file: '2-of-2' }])
  expect(await losses(results).find('b')).toEqual(OTHER)
  expect(await losses(results).find('c')).toBeNull()
  expect(results).toMatchObject({ files: ['1-of-2', '2-of-2'], notes: [], unused: [], added: 0 })
  expect(results.processors).toHaveLength(1)
  expect(existsSync(file('rest'))).toBe(false)
})

it('a folder that is only read is not made', async () => {
  await expect(ResultLines.open(join(folder, 'none'), 'rest', true)).rejects.toMatchObject({ kind: 'not-found' })
  expect(existsSync(join(folder, 'none'))).toBe(false)
})

it('each line is JSON that says what was measured', async () => {
  await losses(await open()).keep('a', LOSSES, 'base on food')
  const text = readFileSync(file(), 'utf8')
  expect(text.endsWith('\n')).toBe(true)
  expect(JSON.parse(text)).toMatchObject({ key: 'a', unit: 'base on food', value: LOSSES })
})

it('a network that is ruined is found ruined', async () => {
  const results = await open()
  await losses(results).keep('a', { losses: [[NaN, Infinity]], seconds: 1 }, 'x')
  for (const each of [results, await open()])
    expect(await losses(each).find('a')).toEqual({ losses: [[NaN, NaN]], seconds: 1 })
})

it('a line that was not written to its end is said and not used, and what is added stands on a line of its own', async () => {
  const first = losses(await open())
  await first.keep('a', LOSSES, 'x')
  await first.keep('b', OTHER, 'y')
  truncateSync(file(), readFileSync(file()).byteLength - 5)
  const results = await open()
  expect(results.notes).toEqual([expect.stringContaining('The last line of')])
  expect(await losses(results).find('b')).toBeNull()
  await losses(results).keep('b', OTHER, 'y')
  const again = await open()
  expect(await losses(again).find('a')).toEqual(LOSSES)
  expect(await losses(again).find('b')).toEqual(OTHER)
  expect(again.notes).toEqual([`Line 2 of 1-of-2.jsonl in ${folder} is damaged or cut: it is not used.`])
})

it('a line that could not be written whole is no part of the next one', async () => {
  const results = await open()
  await losses(results).keep('a', LOSSES, 'x')
  const handle = await openFile(file(), 'r')
  const prototype = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  vi.spyOn(prototype, 'appendFile').mockImplementationOnce((data) => {
    appendFileSync(file(), String(data).slice(0, 40))
    return Promise.reject(Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' }))
  })
  const full = losses(results).keep('b', OTHER, 'y')
  await expect(full).rejects.toThrow(NotKept)
  await expect(full).rejects.toMatchObject({ kind: 'target', hint: expect.stringContaining('is kept') as string })
  await losses(results).keep('b', OTHER, 'y')
  const again = await open()
  expect(await losses(again).find('b')).toEqual(OTHER)
  expect(again.notes).toEqual([`Line 2 of 1-of-2.jsonl in ${folder} is damaged or cut: it is not used.`])
})

it('what is no result of ours is said and not used', async () => {
  writeFileSync(file('mine'), '{"key":"a","value":{}}\nnotes\n')
  const results = await open()
  expect(results.notes).toHaveLength(2)
  expect(await losses(results).find('a')).toBeNull()
})

it('lines that contradict each other are an error that names them; those that only took another time are not', async () => {
  const one = await open('1-of-2')
  const two = await open('2-of-2')
  await losses(one).keep('a', LOSSES, 'base on food')
  await losses(two).keep('a', { ...LOSSES, seconds: 9 }, 'base on food')
  expect(await losses(await open()).find('a')).toEqual(LOSSES)
  await losses(two).keep('a', OTHER, 'base on food')
  await expect(open()).rejects.toMatchObject({
    kind: 'damaged',
    detail: expect.stringMatching(/^base on food: line 1 of 1-of-2\.jsonl .* and line 2 of 2-of-2\.jsonl /) as string,
  })
})

it('a result counts more than what says that there is none, whichever comes first', async () => {
  const failing = () => Promise.reject(new FusionError('unsupported', `It cannot be made on ${folder}.`))
  const keep = (results: ResultLines) =>
    keepingFailures({ results }, [{ key: 'a', unit: 'x' }], failing).catch(() => {})
  await keep(await open('2-of-3'))
  const words = readFileSync(file('2-of-3'), 'utf8')
  writeFileSync(file('3-of-3'), writeLine({ ...readLine(words.trim())!, value: { failed: { kind: 'malformed' } } }))
  expect(await losses(await open()).find('a')).toBeNull()
  expect((await open()).unused).toEqual([])
  for (const own of ['1-of-3', '4-of-4']) {
    const results = await open(own)
    await losses(results).keep('a', LOSSES, 'x')
    await keep(results)
    expect(await losses(results).find('a')).toEqual(LOSSES)
    expect(await losses(await open()).find('a')).toEqual(LOSSES)
    rmSync(file(own))
  }
})

it('keeps no failure that another try may not have', async () => {
  for (const kind of ['not-found', 'unreadable', 'internal', 'cancelled'] as const) {
    const results = await open()
    const failing = keepingFailures({ results }, [{ key: kind, unit: 'x' }], () =>
      Promise.reject(new FusionError(kind, 'It failed.')),
    )
    await expect(failing).rejects.toMatchObject({ kind })
    expect(results.added).toBe(0)
  }
})

it('writes through no link, and into no file of another kind', async () => {
  const target = join(temporaryFolder(), 'mine')
  writeFileSync(target, '')
  const results = await open()
  symlinkSync(target, file())
  await expect(losses(results).keep('a', LOSSES, 'x')).rejects.toMatchObject({ kind: 'target' })
  expect(readFileSync(target, 'utf8')).toBe('')
  writeFileSync(join(folder, 'plain'), '')
  await expect(ResultLines.open(join(folder, 'plain'), 'x')).rejects.toMatchObject({ kind: 'target' })
})

it('a line is read as it was written, and not once a byte of it is another', () => {
  const line = { key: 'k', unit: 'base on "food"\n', value: LOSSES, processor: 'p' }
  const text = writeLine(line).trimEnd()
  expect(readLine(text)).toEqual(line)
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom('0', '9', '"', ',', ' ', 'x'), (at, other) => {
      const changed = text.slice(0, at) + other + text.slice(at + 1)
      fc.pre(changed !== text)
      const read = readLine(changed)
      expect(read === null || JSON.stringify(read) === JSON.stringify(line)).toBe(true)
    }),
  )
})

it('two processes that add to one folder at once lose nothing', async () => {
  const [one, two] = [await open('1-of-2'), await open('2-of-2')]
  const keys = Array.from({ length: 20 }, (_, index) => `k${index}`)
  await Promise.all(keys.map((key, index) => losses(index % 2 ? one : two).keep(key, LOSSES, key)))
  const results = await open('rest')
  for (const key of keys) expect(await losses(results).find(key)).toEqual(LOSSES)
})

it('reads on in what others add, each line once it is whole, and says what of it is damaged', async () => {
  const results = await open('1-of-2')
  await losses(await open('2-of-2')).keep('a', LOSSES, 'x')
  const text = readFileSync(file('2-of-2'))
  await results.refresh()
  expect(await losses(results).find('a')).toEqual(LOSSES)
  await losses(await open('3-of-3')).keep('b', OTHER, 'y')
  const other = readFileSync(file('3-of-3'), 'utf8')
  writeFileSync(file('2-of-2'), Buffer.concat([text, Buffer.from('damaged\n' + other.slice(0, 20))]))
  rmSync(file('3-of-3'))
  await results.refresh()
  expect(results.notes).toEqual([`Line 2 of 2-of-2.jsonl in ${folder} is damaged or cut: it is not used.`])
  expect(await losses(results).find('b')).toBeNull()
  appendFileSync(file('2-of-2'), other.slice(20))
  await results.refresh()
  expect(await losses(results).find('b')).toEqual(OTHER)
  expect(results.unused).toEqual([])
})
