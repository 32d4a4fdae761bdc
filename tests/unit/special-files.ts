import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Things that no writer may replace and no reader may wait for. Each is made inside a folder of the test's own. */
export type SpecialFile = 'FIFO' | 'socket' | 'device' | 'dangling link'

const servers: Server[] = []

/** The special files that can be made here: devices take the rights of root, Windows has none of them but links. */
export const SPECIAL_FILES: readonly SpecialFile[] =
  process.platform === 'win32'
    ? ['dangling link']
    : ['FIFO', 'socket', ...(canMakeDevices() ? (['device'] as const) : []), 'dangling link']

/** Makes one. A dangling link points into `folder`/elsewhere, which exists: writing through it would succeed. */
export async function makeSpecial(kind: SpecialFile, folder: string, name: string): Promise<string> {
  const path = join(folder, name)
  if (kind === 'FIFO') execFileSync('mkfifo', [path])
  else if (kind === 'device') execFileSync('mknod', [path, 'c', '1', '3'])
  else if (kind === 'socket') await listen(path)
  else {
    mkdirSync(join(folder, 'elsewhere'), { recursive: true })
    symlinkSync(join(folder, 'elsewhere', 'nothing'), path)
  }
  return path
}

/** Ends the sockets that were made. */
export function closeSockets(): void {
  for (const server of servers.splice(0)) server.close()
}

async function listen(path: string): Promise<void> {
  const server = createServer()
  servers.push(server)
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve))
}

function canMakeDevices(): boolean {
  const path = join(tmpdir(), `device-${process.pid}`)
  const { status } = spawnSync('mknod', [path, 'c', '1', '3'])
  rmSync(path, { force: true })
  return status === 0
}
