import { lstat } from 'node:fs/promises'
import { FusionError } from '../contract/errors'
import { checkTarget, type TargetKind } from '../engine/files/target'

/**
 * Sees, before a job is started, that its result may be written. The engine replaces results of its own unasked; here
 * somebody can be asked.
 * @param agreed whether the person agreed to replace what is there
 * @throws FusionError 'target'
 */
export async function checkAgreed(path: string, kind: TargetKind, agreed: boolean): Promise<void> {
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  )
  if (!isThere) return
  await checkTarget(path, { kind, overwrite: true })
  if (agreed) return
  throw new FusionError('target', `${path} exists already.`, { hint: 'Choose another name, or replace it.' })
}
