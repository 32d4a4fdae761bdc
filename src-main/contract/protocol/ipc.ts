/** Channels between Electron's main process and its window. */
export const IPC = { command: 'featurefusion:command', event: 'featurefusion:event' } as const
