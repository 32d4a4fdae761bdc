import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { onTestFinished } from 'vitest'

/** More than any file that is read as a whole may have; takes no space on the disk. */
const HUGE_BYTES = 10e9
/** A reader that waits for a pipe gets something to read after so long, so that the test fails and does not hang. */
export const UNBLOCKED_AFTER_SECONDS = 20

/** What may stand where a file is expected, made inside a temporary folder; false where this system has none. */
export const SPECIAL_FILES: Readonly<Record<string, (path: string) => boolean | Promise<boolean>>> = {
  'a named pipe': (path) => {
    if (!made('mkfifo', path)) return false
    const writer = spawn('sh', ['-c', `sleep ${UNBLOCKED_AFTER_SECONDS}; echo > "$0"`, path], { stdio: 'ignore' })
    onTestFinished(() => void writer.kill())
    return true
  },
  'a device': (path) => made('mknod', path, 'c', '1', '5'),
  'a socket': (path) => {
    if (process.platform === 'win32') return false
    const server = createServer()
    onTestFinished(() => void server.close())
    return new Promise((resolve) => {
      server.once('error', () => resolve(false)) // a path that is too long for a socket
      server.listen(path, () => resolve(true))
    })
  },
  'a folder': (path) => {
    mkdirSync(path)
    return true
  },
  'a link to nothing': (path) => linked('nothing', path),
  'a link to itself': (path) => linked(path, path),
  'a huge file': (path) => {
    writeFileSync(path, '')
    truncateSync(path, HUGE_BYTES)
    return true
  },
}

/** Puts something else where a file is. */
export async function replaceBy(kind: string, path: string): Promise<boolean> {
  rmSync(path, { recursive: true, force: true })
  return SPECIAL_FILES[kind]!(path)
}

/** Damaged forms of a file. */
export function damaged(whole: Buffer): { how: string; bytes: Buffer }[] {
  const flipped = Array.from({ length: 6 }, (_, index) => {
    const bytes = Buffer.from(whole)
    const at = Math.floor((index / 6) * bytes.length)
    bytes[at] = bytes[at]! ^ 0xff
    return { how: `byte ${at} flipped`, bytes }
  })
  return [
    { how: 'empty', bytes: Buffer.alloc(0) },
    { how: 'cut in the middle', bytes: whole.subarray(0, whole.length >> 1) },
    { how: 'zeros', bytes: Buffer.alloc(4096) },
    ...flipped,
  ]
}

function made(command: string, path: string, ...rest: string[]): boolean {
  try {
    execFileSync(command, [path, ...rest], { stdio: 'ignore' })
    return true
  } catch {
    return false // not on this system, or not for this user
  }
}

function linked(target: string, path: string): boolean {
  try {
    symlinkSync(target, path)
    return true
  } catch {
    return false // Windows needs a right for it
  }
}
