import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { AtomicOutput } from '../../../../src-main/engine/files/writing/atomic-output'
import { findLeftover } from '../../../../src-main/engine/files/writing/leftovers'
import type { TargetKind } from '../../../../src-main/engine/files/writing/target'
import { isBeingWritten, SILENT_MS } from '../../../../src-main/engine/files/writing/writers'
import { writingError } from '../../../../src-main/engine/files/writing/writing-error'
import { temporaryFolder } from '../merge/models'

const kindOf = (folder: boolean): TargetKind => ({ title: 'test', folder, compare: async () => ({ is: 'same-kind' }) })
const never = { kind: kindOf(false), overwrite: false }
const always = { kind: kindOf(false), overwrite: true }
const neverFolder = { kind: kindOf(true), overwrite: false }
const alwaysFolder = { kind: kindOf(true), overwrite: true }
const OTHER_HOST = '0123abcd'
const deadProcess = (): number => spawnSync(process.execPath, ['-e', '']).pid

/** Long after all that was written. */
async function afterSilence(task: () => Promise<void>): Promise<void> {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * SILENT_MS })
  await task().finally(() => vi.useRealTimers())
}

describe('an output', () => {
  it('stands at its name when it is whole, and not before', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'new', 'out')
    const output = await AtomicOutput.create(path, never)
    writeFileSync(output.temporaryPath, 'whole')
    expect(existsSync(path)).toBe(false)
    await output.commit([output.temporaryPath])
    expect(readFileSync(path, 'utf8')).toBe('whole')
    expect(readdirSync(join(folder, 'new'))).toEqual(['out'])
  })

  it('leaves nothing when it is discarded', async () => {
    const folder = temporaryFolder()
    for (const rule of [never, neverFolder]) {
      const output = await AtomicOutput.create(join(folder, 'out'), rule)
      await output.discard()
      expect(readdirSync(folder)).toEqual([])
    }
  })

  it('removes what dead processes left for the same name, and nothing else', async () => {
    const folder = temporaryFolder()
    const dead = deadProcess()
    writeFileSync(join(folder, `.out.${dead}.partial`), 'left')
    const others = [`.outer.${dead}.partial`, '.out.partial', '.out.1x.partial', '.out.12.partial.bak', 'out.notes']
    for (const name of others) writeFileSync(join(folder, name), 'mine')
    const output = await AtomicOutput.create(join(folder, 'out'), never)
    await output.commit([output.temporaryPath])
    expect(readdirSync(folder).sort()).toEqual([...others, 'out'].sort())
  })

  it('puts a folder back that stepped aside for one that never came, and asks before it replaces it', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'out')
    const dead = deadProcess()
    const stepAside = (): void => {
      mkdirSync(join(folder, `.out.${dead}.partial`), { recursive: true })
      mkdirSync(join(folder, `.out.${dead}.partial.old`))
      writeFileSync(join(folder, `.out.${dead}.partial.old`, 'kept'), 'kept')
    }
    stepAside()
    await expect(AtomicOutput.create(path, neverFolder)).rejects.toMatchObject({ kind: 'target' })
    expect(readdirSync(folder)).toEqual(['out'])
    expect(readdirSync(path)).toEqual(['kept'])
    const output = await AtomicOutput.create(path, alwaysFolder)
    writeFileSync(join(output.temporaryPath, 'new'), 'new')
    await output.commit([join(output.temporaryPath, 'new')])
    expect(readdirSync(folder)).toEqual(['out'])
    expect(readdirSync(path)).toEqual(['new'])
  })

  it('keeps a folder that stepped aside where something else has its name', async () => {
    const folder = temporaryFolder()
    const dead = deadProcess()
    for (const name of ['out', `.out.${dead}.partial`, `.out.${dead}.partial.old`]) mkdirSync(join(folder, name))
    const before = readdirSync(folder)
    await expect(AtomicOutput.create(join(folder, 'out'), alwaysFolder)).rejects.toMatchObject({
      kind: 'target',
      hint: expect.stringContaining(`.out.${dead}.partial.old`),
    })
    expect(readdirSync(folder)).toEqual(before)
  })

  it('is written once at a time by one process too', async () => {
    const path = join(temporaryFolder(), 'out')
    const outputs = await Promise.allSettled([1, 2, 3].map(() => AtomicOutput.create(path, never)))
    expect(outputs.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    await expect(AtomicOutput.create(path, never)).rejects.toMatchObject({
      message: expect.stringMatching(/This program is writing/),
    })
    for (const output of outputs) if (output.status === 'fulfilled') await output.value.discard()
    await (await AtomicOutput.create(path, never)).discard()
  })

  it('does not take a name to which a living process writes', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, `.out.${process.ppid}.partial`), 'theirs')
    await expect(AtomicOutput.create(join(folder, 'out'), always)).rejects.toMatchObject({
      kind: 'target',
      message: expect.stringContaining(`Another process (${process.ppid})`),
      hint: expect.stringContaining(`.out.${process.ppid}.partial`),
    })
  })

  it('does not judge what another machine writes by the processes of this one', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'out')
    for (const owner of [deadProcess(), process.pid]) {
      const theirs = `.out.${owner}@${OTHER_HOST}.partial`
      writeFileSync(join(folder, theirs), 'theirs')
      writeFileSync(join(folder, `${theirs}.journal`), 'theirs')
      await expect(AtomicOutput.create(path, always)).rejects.toMatchObject({
        kind: 'target',
        message: expect.stringContaining('Another machine'),
        hint: expect.stringContaining(theirs),
      })
      expect(await findLeftover(path)).toBeNull()
      expect(await isBeingWritten(path)).toBe(true)
      expect(readdirSync(folder).sort()).toEqual([theirs, `${theirs}.journal`])
      await afterSilence(async () => {
        expect(await isBeingWritten(path)).toBe(false)
        expect((await findLeftover(path))?.path).toBe(join(folder, theirs))
        await (await AtomicOutput.create(path, never)).discard()
      })
      expect(readdirSync(folder)).toEqual([])
    }
  })

  it('has a name of its own on every machine, and shows the others that it is being written', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const folder = temporaryFolder()
    for (const rule of [never, neverFolder]) {
      const output = await AtomicOutput.create(join(folder, 'out'), rule)
      expect(output.temporaryPath).toMatch(/\.out\.\d+@[0-9a-f]{8}\.partial$/)
      utimesSync(output.temporaryPath, 1, 1)
      vi.advanceTimersByTime(SILENT_MS / 2)
      await expect.poll(() => statSync(output.temporaryPath).mtimeMs).toBeGreaterThan(1e12)
      await output.discard()
      expect(vi.getTimerCount()).toBe(0)
    }
  })

  it('cannot lie under a file', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'file'), '')
    await expect(AtomicOutput.create(join(folder, 'file', 'out'), never)).rejects.toMatchObject({
      kind: 'target',
      message: expect.stringContaining(join(folder, 'file')),
    })
    await expect(AtomicOutput.create(join(folder, 'x'.repeat(300)), never)).rejects.toMatchObject({
      kind: 'target',
    })
  })
})

it('tells what the file system refuses in words, and leaves faults of the program alone', () => {
  const refusal = (code: string) => Object.assign(new Error(code), { code })
  expect(writingError(refusal('ENOSPC'), '/a')).toMatchObject({
    kind: 'target',
    message: expect.stringContaining('disk is full'),
  })
  for (const code of ['EROFS', 'EACCES', 'EIO', 'EDQUOT', 'ENOENT', 'EMFILE']) {
    expect(writingError(refusal(code), '/a')).toMatchObject({ kind: 'target', message: expect.stringContaining('/a') })
  }
  for (const error of [new TypeError('x'), refusal('ERR_OUT_OF_RANGE')]) expect(writingError(error, '/a')).toBe(error)
})
