import { fileURLToPath } from 'node:url'
import { app, dialog, shell, type BrowserWindow } from 'electron'
import { version } from '../package.json'
import { createDispatch } from './app/dispatch'
import { interfaceRoots } from './app/files/interface-files'
import { unlimitedAccess } from './app/files/path-access'
import { Studio, type Host } from './app/studio'
import { cacheFolder } from './cli/folders'
import { toErrorReport } from './contract/errors'
import { registerAppScheme, serveAppScheme } from './desktop/app-protocol'
import { showDialog } from './desktop/dialogs'
import { followDownloads } from './desktop/downloads'
import { commandArguments } from './desktop/command-arguments'
import { forkCompute } from './desktop/fork-compute'
import { forwardEvents, handleCommands } from './desktop/ipc'
import { followJobs } from './desktop/job-notices'
import { launchUtilityProbe } from './desktop/launch-probe'
import { openPaths, pathsInArguments } from './desktop/open-paths'
import { createWindow, loadInterface, refuseHosts, refuseNetwork } from './desktop/window'
import { useProbeLauncher } from './engine/runtime/providers'

// Electron's main process: opens the window and carries messages, or runs one command.

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
/** What other programs and native libraries read lies beside the packaged archive, not in it. */
const unpacked = (path: string): string => at(path).replace(/app\.asar(?=[\\/])/, 'app.asar.unpacked')

/** Double-clicked on macOS, perhaps before there is a window. */
const waiting: string[] = []
let studio: Studio | undefined
let window: BrowserWindow | undefined

refuseHosts()
const args = commandArguments(process.argv)
if (args) command(args).catch(giveUpCommand)
else if (app.requestSingleInstanceLock()) start().catch(giveUp)
else app.quit()

async function command(args: readonly string[]): Promise<void> {
  // The window does not wait for it.
  const { runCommandLine } = await import('./desktop/command-line')
  await runCommandLine(args, {
    workerFile: new URL('./tensor-worker.js', import.meta.url),
    clipVocabulary: unpacked('../../resources/clip/bpe_simple_vocab_16e6.txt.gz'),
    demoFolder: unpacked('../../resources/demo'),
    builtFolder: new URL('./', import.meta.url),
  })
}

async function start(): Promise<void> {
  registerAppScheme()
  app.enableSandbox()
  app.on('open-file', (event, path) => {
    event.preventDefault()
    if (studio) void openPaths(studio, [path])
    else waiting.push(path)
  })
  app.on('second-instance', (_event, args, folder) => {
    window?.show()
    window?.focus()
    if (studio) void openPaths(studio, pathsInArguments(args.slice(1), folder))
  })
  app.on('window-all-closed', () => app.quit())
  app.once('will-quit', (event) => {
    event.preventDefault()
    void Promise.resolve(studio?.close()).finally(() => app.exit())
  })

  await app.whenReady()
  refuseNetwork()
  useProbeLauncher(launchUtilityProbe)
  studio = await Studio.open({
    host: desktopHost(),
    dataFolder: app.getPath('userData'),
    cacheFolder: cacheFolder(),
    demoFolder: unpacked('../../resources/demo'),
    version,
  })
  if (process.argv.includes('--demo') && !studio.project.state.dirty) await studio.openDemo()
  await openPaths(studio, [...waiting, ...pathsInArguments(process.argv.slice(1), process.cwd())])
  handleCommands(createDispatch(studio))
  const opened = studio
  serveAppScheme(() => interfaceRoots(opened, at('../renderer')))
  window = await createWindow(
    at('../preload/preload.cjs'),
    unpacked('../../resources/icon/icon.png'),
    app.getPath('userData'),
  )
  forwardEvents(studio.events, window)
  followJobs(studio, window)
  followDownloads(window.webContents.session, studio.events)
  await loadInterface(window)
}

/** There is no window yet that could say it. */
function giveUp(error: unknown): void {
  const { message, hint } = toErrorReport(error)
  dialog.showErrorBox('FeatureFusion Studio cannot start', [message, hint].filter(Boolean).join('\n\n'))
  app.exit(1)
}

function giveUpCommand(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  app.exit(1)
}

function desktopHost(): Host {
  return {
    kind: 'desktop',
    access: unlimitedAccess([
      { name: 'Home', path: app.getPath('home') },
      { name: 'Downloads', path: app.getPath('downloads') },
    ]),
    fork: () => forkCompute(at('./compute-process.js')),
    dialog: async (purpose, suggested, title) => (window ? showDialog(window, purpose, suggested, title) : []),
    showInFolder: (path) => shell.showItemInFolder(path),
    openExternal: (url) => shell.openExternal(url),
  }
}
