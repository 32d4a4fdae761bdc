import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'

/**
 * What tells a file from any other, and from itself before it was changed: device, inode, size, times of modification
 * and of the last change to its entry, in nanoseconds. Copies that keep size and time of modification (`cp -p`, tar) have
 * another inode or another time of change. Texts that are equal are one state.
 */
export function stateOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':')
}

/** The state of what stands at a path now. @throws the file system's own error */
export async function fileState(path: string): Promise<string> {
  return stateOf(await stat(path, { bigint: true }))
}

/** A state as every machine sees it that shares the file's file system: each one numbers its devices itself. */
export function sharedState(state: string): string {
  return state.slice(state.indexOf(':') + 1)
}
