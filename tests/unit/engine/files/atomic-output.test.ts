import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AtomicOutput } from '../../../../src-main/engine/files/atomic-output'
import { writingError } from '../../../../src-main/engine/files/writing-error'
import { temporaryFolder } from '../merge/models'

const never = async (): Promise<boolean> => false
const always = async (): Promise<boolean> => true
const deadProcess = (): number => spawnSync(process.execPath, ['-e', '']).pid

describe('an output', () => {
  it('stands at its name when it is whole, and not before', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'new', 'out')
    const output = await AtomicOutput.create(path, false, never)
    writeFileSync(output.temporaryPath, 'whole')
    expect(existsSync(path)).toBe(false)
    await output.commit([output.temporaryPath])
    expect(readFileSync(path, 'utf8')).toBe('whole')
    expect(readdirSync(join(folder, 'new'))).toEqual(['out'])
  })

  it('leaves nothing when it is discarded', async () => {
    const folder = temporaryFolder()
    for (const kind of [false, true]) {
      const output = await AtomicOutput.create(join(folder, 'out'), kind, never)
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
    const output = await AtomicOutput.create(join(folder, 'out'), false, never)
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
    await expect(AtomicOutput.create(path, true, never)).rejects.toMatchObject({ kind: 'target' })
    expect(readdirSync(folder)).toEqual(['out'])
    expect(readdirSync(path)).toEqual(['kept'])
    const output = await AtomicOutput.create(path, true, always)
    writeFileSync(join(output.temporaryPath, 'new'), 'new')
    await output.commit([join(output.temporaryPath, 'new')])
    expect(readdirSync(folder)).toEqual(['out'])
    expect(readdirSync(path)).toEqual(['new'])
  })

  it('does not take a name to which a living process writes', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, `.out.${process.ppid}.partial`), 'theirs')
    await expect(AtomicOutput.create(join(folder, 'out'), false, always)).rejects.toMatchObject({
      kind: 'target',
      message: expect.stringContaining(`Another process (${process.ppid})`),
      hint: expect.stringContaining(`.out.${process.ppid}.partial`),
    })
  })

  it('cannot lie under a file', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'file'), '')
    await expect(AtomicOutput.create(join(folder, 'file', 'out'), false, never)).rejects.toMatchObject({
      kind: 'target',
      message: expect.stringContaining(join(folder, 'file')),
    })
    await expect(AtomicOutput.create(join(folder, 'x'.repeat(300)), false, never)).rejects.toMatchObject({
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
