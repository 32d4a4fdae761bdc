import { join } from 'node:path'
import { app, BrowserWindow, screen, session, type WebContents } from 'electron'
import { z } from 'zod'
import { readJsonFile, writeJsonFile } from '../app/files/json-file'
import { APP_ORIGIN } from './app-protocol'

const windowStateSchema = z.object({
  x: z.number().int(),
  y: z.number().int(),
  width: z.number().int().min(1024),
  height: z.number().int().min(700),
  maximized: z.boolean(),
})

/** The program's window, still empty: sandboxed, at the place where it was left. */
export async function createWindow(preload: string, icon: string, dataFolder: string): Promise<BrowserWindow> {
  const stateFile = join(dataFolder, 'window.json')
  const state = await readJsonFile(stateFile, windowStateSchema)
  const window = new BrowserWindow({
    width: 1280,
    height: 800,
    ...(state && isOnScreen(state) && { x: state.x, y: state.y, width: state.width, height: state.height }),
    minWidth: 1024,
    minHeight: 700,
    show: false,
    icon,
    backgroundColor: '#16181d',
    autoHideMenuBar: true,
    webPreferences: { preload, sandbox: true, contextIsolation: true, nodeIntegration: false, spellcheck: false },
  })
  if (state?.maximized) window.maximize()
  window.on('close', () => {
    void writeJsonFile(stateFile, { ...window.getNormalBounds(), maximized: window.isMaximized() })
  })
  confine(window.webContents)
  return window
}

/** Loads the interface; it is shown when its first picture is there, and loaded again should its process end. */
export async function loadInterface(window: BrowserWindow): Promise<void> {
  window.once('ready-to-show', () => window.show())
  window.webContents.on('render-process-gone', (_event, { reason }) => {
    if (reason !== 'clean-exit' && !window.isDestroyed()) window.webContents.reload()
  })
  await window.loadURL(`${APP_ORIGIN}/index.html`)
}

/** Before Electron is ready: Chromium finds no host at all, whatever part of it asks. Pages come by our own scheme. */
export function refuseHosts(): void {
  app.commandLine.appendSwitch('host-resolver-rules', 'MAP * ~NOTFOUND')
}

/** Nothing leaves the machine, and nothing that is not ours gets in: for every page of this program. */
export function refuseNetwork(): void {
  session.defaultSession.setPermissionRequestHandler((_contents, _permission, answer) => answer(false))
  session.defaultSession.webRequest.onBeforeRequest(({ url }, answer) => {
    answer({ cancel: !/^(featurefusion|blob|data|devtools):/.test(url) })
  })
}

/** No other page, no other window, no webview. */
function confine(contents: WebContents): void {
  contents.setWindowOpenHandler(() => ({ action: 'deny' }))
  contents.on('will-navigate', (event) => event.preventDefault())
  contents.on('will-attach-webview', (event) => event.preventDefault())
}

/** Screens come and go; a window that lies on none of them could not be found again. */
function isOnScreen({ x, y, width, height }: z.infer<typeof windowStateSchema>): boolean {
  const { workArea } = screen.getDisplayMatching({ x, y, width, height })
  return (
    x < workArea.x + workArea.width && x + width > workArea.x && y < workArea.y + workArea.height && y >= workArea.y
  )
}
