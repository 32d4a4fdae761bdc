// `npm start`: brings a fresh clone to the running program with its demo project. Plain Node: nothing is installed yet.
// Arguments go to `featurefusion serve` where there is no window: npm start -- --port 8080 --allow FOLDER
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const LEAST_NODE = [20, 19]
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const SOURCES = ['src-main', 'src-renderer', 'build', 'package-lock.json', 'package.json', 'electron.vite.config.ts']
const BUILT = join(ROOT, 'out', '.built')
const DOWNLOAD_LIMIT_MS = 300_000

const args = process.argv.slice(2)

checkNode()
install()
build()
start()

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) return
  fail(`FeatureFusion Studio needs Node ${LEAST_NODE.join('.')} or newer; this is ${process.versions.node}.`)
}

/** Installs what package-lock.json says, if something else or nothing is there. */
function install() {
  if (isInstalled()) return
  say('Installing the packages that package-lock.json names …')
  const npm = process.env.npm_execpath
  const done = npm
    ? run(process.execPath, [npm, 'ci', '--no-audit', '--no-fund'])
    : run('npm', ['ci', '--no-audit', '--no-fund'], { shell: process.platform === 'win32' })
  if (done !== 0) fail('npm ci failed: see above.')
}

function isInstalled() {
  const wanted = packagesOf(join(ROOT, 'package-lock.json'))
  const there = packagesOf(join(ROOT, 'node_modules', '.package-lock.json'))
  // What is for other systems only is not installed.
  return Object.entries(wanted).every(
    ([path, { version, optional, devOptional }]) =>
      path === '' || (path in there ? there[path].version === version : optional === true || devOptional === true),
  )
}

function packagesOf(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : {}
}

/** Builds if a source is newer than what is built. */
function build() {
  const built = existsSync(BUILT) ? statSync(BUILT).mtimeMs : 0
  if (SOURCES.every((source) => newest(join(ROOT, source)) <= built)) return
  say('Building …')
  const started = new Date()
  const tool = join(ROOT, 'node_modules', 'electron-vite', 'bin', 'electron-vite.js')
  if (run(process.execPath, [tool, 'build', '--logLevel', 'warn']) !== 0) fail('The build failed: see above.')
  writeFileSync(BUILT, `${started.toISOString()}\n`)
}

function newest(path) {
  const entry = statSync(path)
  if (!entry.isDirectory()) return entry.mtimeMs
  return Math.max(entry.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))))
}

/** The window where one can be, else the same program in a browser. */
function start() {
  const obstacle = args.length > 0 ? 'options for the server were given' : findObstacle()
  if (obstacle === null) return become(electronBinary(), ['.', '--demo'])
  say(`No window: ${obstacle}`)
  say('Serving the same program for a browser instead; open this address (Ctrl+C ends it):')
  const allowed = args.includes('--allow') ? [] : ['--allow', homedir()]
  become(process.execPath, [join(ROOT, 'out', 'main', 'cli.js'), 'serve', '--demo', ...allowed, ...args])
}

/** Why Electron cannot open a window here, and what helps; null: it can. */
function findObstacle() {
  const { DISPLAY, WAYLAND_DISPLAY, ELECTRON_SKIP_BINARY_DOWNLOAD } = process.env
  const linux = process.platform === 'linux'
  if (linux && !DISPLAY && !WAYLAND_DISPLAY) return 'there is no display (DISPLAY and WAYLAND_DISPLAY are not set).'
  if (electronBinary() === null && !ELECTRON_SKIP_BINARY_DOWNLOAD) {
    say('Downloading Electron …')
    run(process.execPath, [join(ROOT, 'node_modules', 'electron', 'install.js')], { timeout: DOWNLOAD_LIMIT_MS })
  }
  const binary = electronBinary()
  if (binary === null) return "Electron's binary is not there and could not be downloaded."
  return linux ? findSandboxObstacle(binary) : null
}

function electronBinary() {
  const folder = join(ROOT, 'node_modules', 'electron')
  const pathFile = join(folder, 'path.txt')
  if (!existsSync(pathFile)) return null
  const binary = join(folder, 'dist', readFileSync(pathFile, 'utf8').trim())
  return existsSync(binary) ? binary : null
}

/** Chromium's sandbox needs user namespaces or a setuid helper. It is never switched off here. */
function findSandboxObstacle(binary) {
  if (process.getuid() === 0) return 'Electron does not run sandboxed as root. Start it as an ordinary user.'
  const helper = join(dirname(binary), 'chrome-sandbox')
  const { uid, mode } = statSync(helper)
  if (uid === 0 && (mode & 0o4755) === 0o4755) return null
  const setuid = `  sudo chown root:root "${helper}" && sudo chmod 4755 "${helper}"`
  if (kernelSetting('kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return [
      "this system's AppArmor forbids the user namespaces that Electron's sandbox is made of (Ubuntu 23.10 and later).",
      'To allow them for this copy of Electron, once:',
      setuid,
      'Then run npm start again.',
    ].join('\n')
  }
  const none =
    kernelSetting('kernel/unprivileged_userns_clone') === '0' || kernelSetting('user/max_user_namespaces') === '0'
  return none
    ? `this kernel gives no user namespaces to Electron's sandbox. Once:\n${setuid}\nThen run npm start again.`
    : null
}

function kernelSetting(name) {
  const path = `/proc/sys/${name}`
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : null
}

/** Runs a program to its end; its exit status. */
function run(command, commandArgs, options = {}) {
  const { status, error } = spawnSync(command, commandArgs, { cwd: ROOT, stdio: 'inherit', ...options })
  if (error) say(`${command}: ${error.message}`)
  return status ?? 1
}

/** Runs the program itself: signals go to it, and this process ends as it ends. */
function become(command, commandArgs) {
  const { ELECTRON_RUN_AS_NODE: _asNode, ...env } = process.env
  const child = spawn(command, commandArgs, { cwd: ROOT, stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', ({ message }) => fail(`${command}: ${message}`))
  child.on('exit', (code) => process.exit(code ?? 1))
}

function say(text) {
  process.stderr.write(`${text}\n`)
}

function fail(text) {
  say(text)
  process.exit(1)
}
