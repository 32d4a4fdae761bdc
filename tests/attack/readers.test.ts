import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FusionError } from '../../src-main/contract/errors'
import { temporaryFolder } from '../unit/engine/merge/models'
import { CommandLine } from './support/command-line'
import { FILES_READ, fixture, type FileRead } from './support/files-read'
import { damaged, replaceBy, SPECIAL_FILES, UNBLOCKED_AFTER_SECONDS } from './support/special-files'

/** What a hostile file may cost at most: nothing near its size. */
const MOST_EXTRA_BYTES = 600e6

/** How reading ended; anything but an error in words fails the test. */
async function outcome({ read }: FileRead, folder: string): Promise<FusionError | null> {
  const before = process.memoryUsage.rss()
  const started = performance.now()
  try {
    await read(folder)
    return null
  } catch (error) {
    expect(error).toBeInstanceOf(FusionError)
    expect((error as FusionError).kind).not.toBe('internal')
    return error as FusionError
  } finally {
    expect(performance.now() - started).toBeLessThan(UNBLOCKED_AFTER_SECONDS * 1000)
    expect(process.memoryUsage.rss() - before).toBeLessThan(MOST_EXTRA_BYTES)
  }
}

describe.each(FILES_READ)('$what', (row) => {
  it('is read as it should be, and refused in words where it is no regular file, huge or damaged', async () => {
    const folder = fixture(temporaryFolder())
    const path = join(folder, row.file)
    const again = (): void => rmSync(join(folder, 'export'), { recursive: true, force: true })
    expect(await outcome(row, folder)).toBeNull()
    const whole = readFileSync(path)
    for (const kind of Object.keys(SPECIAL_FILES)) {
      again()
      if ((row.isLarge && kind === 'a huge file') || !(await replaceBy(kind, path))) continue
      const error = await outcome(row, folder)
      if (row.mayBeIgnored || (row.mayBeFolder && kind === 'a folder')) continue
      expect(error, kind).toBeInstanceOf(FusionError)
      if (['a named pipe', 'a device', 'a socket'].includes(kind))
        expect(error!.message).toContain('not a regular file')
    }
    rmSync(path, { recursive: true, force: true })
    for (const { bytes } of damaged(whole)) {
      again()
      writeFileSync(path, bytes)
      await outcome(row, folder)
    }
  })
})

describe('the command line', () => {
  it.each(['a named pipe', 'a device', 'a folder', 'a huge file'])(
    'refuses %s as project, picture and prompts',
    async (kind) => {
      const folder = fixture(temporaryFolder())
      const cli = new CommandLine(temporaryFolder())
      const path = join(folder, 'a.fusion.json')
      if (!(await replaceBy(kind, path))) return
      const base = join(folder, 'pipeline')
      const commands = [
        ['merge', path, '--out', join(folder, 'out.safetensors')],
        ['generate', '--model', base, '--prompt', 'a', '--image', path, '--out', folder],
        [
          'calibrate',
          '--base',
          base,
          '--specialist',
          `s=${base}`,
          '--prompts',
          `s=${path}`,
          '--out',
          join(folder, 'c'),
        ],
      ]
      for (const args of commands) {
        const ended = await cli.run(args)
        expect(ended).toMatchObject({ code: 1, hung: false })
        expect(ended.stderr).toMatch(kind === 'a huge file' ? /too large/ : /not a regular file/)
      }
    },
  )
})
