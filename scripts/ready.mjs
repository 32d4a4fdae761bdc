// What every command of a fresh clone needs first: a new enough Node, and the packages of package-lock.json. Plain Node
// without dependencies, since it runs before anything is installed.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Root of the repository. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url))

const LEAST_NODE = [20, 19]

/** Ends the process with what to do if Node is too old. */
export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) return
  console.error(`Node ${LEAST_NODE.join('.')} or newer is needed; this is ${process.versions.node}.`)
  console.error('Get it from https://nodejs.org or with your version manager, then try again.')
  process.exit(1)
}

/** Runs a command in the repository's root, with its output shown; ends the process where it fails. */
export function run(command, args, env = {}) {
  const { status } = tryRun(command, args, env)
  if (status === 0) return
  console.error(`${[command, ...args].join(' ')} failed.`)
  process.exit(status ?? 1)
}

/** Runs a command in the repository's root, with its output shown. */
export function tryRun(command, args, env = {}) {
  // npm and npx are scripts on Windows, which only a shell finds.
  const shell = process.platform === 'win32'
  return spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...env }, shell })
}

/** Installs the packages where they are missing or older than package-lock.json. */
export function installPackages() {
  if (packagesAreInstalled()) return
  console.log('Installing packages …')
  // Electron's binary is fetched when it is first used, so that machines without it can do all the rest.
  run('npm', ['ci', '--no-audit', '--no-fund'], { ELECTRON_SKIP_BINARY_DOWNLOAD: '1' })
}

/** Whether the packages are those of package-lock.json. */
export function packagesAreInstalled() {
  const installed = join(ROOT, 'node_modules', '.package-lock.json')
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(ROOT, 'package-lock.json')).mtimeMs
}

/** Installs packages of Debian's, where this is such a system and its administrator runs this. */
export function installDebianPackages(...names) {
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return
  tryRun('apt-get', ['update', '-qq'])
  tryRun('apt-get', ['install', '-y', '-qq', ...names], { DEBIAN_FRONTEND: 'noninteractive' })
}

/** Builds out/ where it is missing or older than a source. */
export function build() {
  // Built last: where it is there, all of the rest is.
  const built = join(ROOT, 'out', 'renderer', 'index.html')
  const sources = ['src-main', 'src-renderer', 'build', 'electron.vite.config.ts', 'package-lock.json']
  const newest = Math.max(...sources.map((source) => newestChange(resolve(ROOT, source))))
  if (existsSync(built) && statSync(built).mtimeMs > newest) return
  console.log('Building …')
  run('npm', ['run', '--silent', 'build'])
}

function newestChange(path) {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((entry) => newestChange(join(path, entry))))
}
