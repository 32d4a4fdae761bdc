import { ipcMain, type BrowserWindow, type IpcMainInvokeEvent } from 'electron'
import type { Dispatch } from '../app/dispatch'
import type { EventHub } from '../app/event-hub'
import { FusionError, toErrorReport } from '../contract/errors'
import { IPC } from '../contract/protocol/ipc'
import type { Reply } from '../contract/protocol/wire'
import { APP_ORIGIN } from './app-protocol'

/** What of an IPC event tells who sent it. */
export type Sender = Pick<IpcMainInvokeEvent, 'senderFrame'>

/** The one wrapper round ipcMain: only the main frame of the program's own page is answered. */
export function handleCommands(dispatch: Dispatch): void {
  ipcMain.handle(IPC.command, (event, command: unknown, input: unknown) => answerIpc(dispatch, event, command, input))
}

/** Answers one command from a window. Never throws. */
export async function answerIpc(dispatch: Dispatch, sender: Sender, command: unknown, input: unknown): Promise<Reply> {
  if (isOwnPage(sender)) return dispatch(command, input)
  return { ok: false, error: toErrorReport(new FusionError('validation', 'Commands from other pages are refused.')) }
}

/** Hands every event to a window, until it is closed. */
export function forwardEvents(events: EventHub, window: BrowserWindow): void {
  const end = events.listen((event) => {
    if (!window.isDestroyed()) window.webContents.send(IPC.event, event)
  })
  window.on('closed', end)
}

function isOwnPage({ senderFrame }: Sender): boolean {
  return senderFrame !== null && senderFrame.parent === null && senderFrame.origin === APP_ORIGIN
}
