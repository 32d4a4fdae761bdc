import { randomUUID } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { FusionError } from '../contract/errors'

/**
 * Sees, before the long work, that the files which a command shall write beside its result can be written.
 * @throws FusionError 'target'
 */
export async function checkOutputs(...paths: readonly (string | undefined)[]): Promise<void> {
  for (const path of paths) if (path !== undefined) await written(path, '', (beside) => rm(beside))
}

/** Writes a file beside its name first: one that stands at its name is whole. @throws FusionError 'target' */
export function writeOutput(path: string, data: string | Uint8Array): Promise<void> {
  return written(path, data, (beside, file) => rename(beside, file))
}

async function written(
  path: string,
  data: string | Uint8Array,
  finish: (beside: string, file: string) => Promise<void>,
): Promise<void> {
  const file = resolve(path)
  const beside = `${file}.${randomUUID()}.tmp`
  try {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(beside, data)
    await finish(beside, file)
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => {})
    throw new FusionError('target', `${path} cannot be written.`, {
      detail: cause instanceof Error ? cause.message : String(cause),
      hint: 'Name another file.',
      cause,
    })
  }
}
