// Installs strace, by which tests/attack sees what processes write and send, where it is missing and can be installed.
import { spawnSync } from 'node:child_process'
import { installDebianPackages } from './ready.mjs'

/** Where it cannot be had, the tests that need it are skipped and say why. */
export function ensureStrace() {
  if (process.platform !== 'linux' || !spawnSync('strace', ['--version']).error) return
  console.log('Installing strace for the tests of what is written and sent …')
  installDebianPackages('strace')
}
