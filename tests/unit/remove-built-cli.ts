import { rmSync } from 'node:fs'
import { builtFolder } from './cli/built-cli'

/** Removes what an earlier run left that was killed and had this process id. */
export function setup(): void {
  remove()
}

/** When all test files are done, the program that they shared goes. */
export function teardown(): void {
  remove()
}

function remove(): void {
  rmSync(builtFolder(process.pid), { recursive: true, force: true })
}
