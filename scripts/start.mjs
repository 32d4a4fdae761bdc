// `npm start`: brings a fresh clone to the running program with its demo project. Plain Node: nothing is installed yet.
// Arguments go to `featurefusion serve` where there is no window: npm start -- --port 8080 --allow FOLDER
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { build, checkNode, installPackages, ROOT, tryRun } from './ready.mjs'

const args = process.argv.slice(2)

checkNode()
installPackages()
build()
start()

/** The window where one can be, else the same program in a browser. */
function start() {
  const obstacle = args.length > 0 ? 'options for the server were given' : findObstacle()
  if (obstacle === null) return become(electronBinary(), ['.', '--demo'])
  say(`No window: ${obstacle}`)
  const allowed = args.includes('--allow') ? [] : ['--allow', homedir()]
  if (allowed.length > 0)
    say(`Models can be opened from ${homedir()}; npm start -- --allow FOLDER names another folder.`)
  say('Serving the same program for a browser instead; open this address (Ctrl+C ends it):')
  become(process.execPath, [join(ROOT, 'out', 'main', 'cli.js'), 'serve', '--demo', ...allowed, ...args])
}

/** Why Electron cannot open a window here, and what helps; null: it can. */
function findObstacle() {
  const { DISPLAY, WAYLAND_DISPLAY, ELECTRON_SKIP_BINARY_DOWNLOAD } = process.env
  const linux = process.platform === 'linux'
  if (linux && !DISPLAY && !WAYLAND_DISPLAY) return 'there is no display (DISPLAY and WAYLAND_DISPLAY are not set).'
  if (electronBinary() === null && !ELECTRON_SKIP_BINARY_DOWNLOAD) {
    say('Downloading Electron …')
    tryRun(process.execPath, [join(ROOT, 'node_modules', 'electron', 'install.js')])
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

/** Runs the program itself: signals go to it, and this process ends as it ends. */
function become(command, commandArgs) {
  const { ELECTRON_RUN_AS_NODE: _asNode, ...env } = process.env
  const child = spawn(command, commandArgs, { cwd: ROOT, stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', ({ message }) => say(`${command}: ${message}`))
  child.on('exit', (code) => process.exit(code ?? 1))
}

function say(text) {
  process.stderr.write(`${text}\n`)
}
