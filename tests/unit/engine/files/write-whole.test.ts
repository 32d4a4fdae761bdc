import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { writeWhole } from '../../../../src-main/engine/files/writing/write-whole'
import { SILENT_MS } from '../../../../src-main/engine/files/writing/writers'
import { temporaryFolder } from '../merge/models'

it('writes a file and its folders, and leaves nothing beside it', async () => {
  const folder = temporaryFolder()
  const file = join(folder, 'new', 'file')
  await writeWhole(file, 'old')
  await writeWhole(file, new Uint8Array([110, 101, 119]))
  expect(readFileSync(file, 'utf8')).toBe('new')
  expect(readdirSync(join(folder, 'new'))).toEqual(['file'])
})

it('keeps many writes to one name apart', async () => {
  const folder = temporaryFolder()
  const texts = Array.from({ length: 20 }, (_, index) => String(index).repeat(10_000))
  await Promise.all(texts.map((text) => writeWhole(join(folder, 'file'), text)))
  expect(texts).toContain(readFileSync(join(folder, 'file'), 'utf8'))
  expect(readdirSync(folder)).toEqual(['file'])
})

it('replaces a link, and never writes to what it points to', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'other'), 'other')
  symlinkSync(join(folder, 'other'), join(folder, 'link'))
  symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling'))
  for (const name of ['link', 'dangling']) {
    await writeWhole(join(folder, name), 'new')
    expect(readFileSync(join(folder, name), 'utf8')).toBe('new')
  }
  expect(readFileSync(join(folder, 'other'), 'utf8')).toBe('other')
  expect(readdirSync(folder).sort()).toEqual(['dangling', 'link', 'other'])
})

it('leaves nothing where it fails', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'file'))
  await expect(writeWhole(join(folder, 'file'), 'x')).rejects.toThrow()
  expect(readdirSync(folder)).toEqual(['file'])
})

it.skipIf(process.platform === 'win32')('keeps a file and the folders that it makes from everybody else', async () => {
  const folder = temporaryFolder()
  const file = join(folder, 'private', 'file')
  await writeWhole(file, 'x')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(statSync(join(folder, 'private')).mode & 0o777).toBe(0o700)
})

it('writes to names as long as the system allows', async () => {
  const folder = temporaryFolder()
  const names = ['x'.repeat(255), 'ü'.repeat(127), '😀'.repeat(60)]
  for (const name of names) await writeWhole(join(folder, name), name)
  expect(readdirSync(folder).sort()).toEqual([...names].sort())
})

it('removes the small files that dead processes left, and nothing else', async () => {
  const folder = temporaryFolder()
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  const kept = [
    `.a.${process.pid}-0.partial`,
    `.a.${dead}.partial`,
    `.a.${dead}-1.partial.old`,
    `.a.${dead}-2.partial.x`,
  ]
  for (const name of [`.a.${dead}-3.partial`, `.b.${dead}-4.partial`, ...kept]) writeFileSync(join(folder, name), '')
  mkdirSync(join(folder, `.a.${dead}-5.partial`))
  await writeWhole(join(folder, 'c'), '')
  expect(readdirSync(folder).sort()).toEqual([...kept, `.a.${dead}-5.partial`, 'c'].sort())
})

it('leaves alone what another machine may be writing, until that has been silent for long', async () => {
  const theirs = `.a.${spawnSync(process.execPath, ['-e', '']).pid}@0123abcd-3.partial`
  const folders = [temporaryFolder(), temporaryFolder()]
  for (const folder of folders) writeFileSync(join(folder, theirs), '')
  await writeWhole(join(folders[0]!, 'c'), '')
  expect(readdirSync(folders[0]!).sort()).toEqual([theirs, 'c'])
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * SILENT_MS })
  await writeWhole(join(folders[1]!, 'c'), '').finally(() => vi.useRealTimers())
  expect(readdirSync(folders[1]!)).toEqual(['c'])
})
