import { FusionError } from '../../contract/errors'
import { isThere } from '../../engine/files/reading/regular-file'
import { checkTarget, type TargetKind } from '../../engine/files/writing/target'

/**
 * Sees, before a job is started, that its result may be written. The engine replaces results of its own unasked; here
 * somebody can be asked.
 * @param agreed whether the person agreed to replace what is there
 * @throws FusionError 'target'
 */
export async function checkAgreed(path: string, kind: TargetKind, agreed: boolean): Promise<void> {
  if (!isThere(path)) return
  await checkTarget(path, { kind, overwrite: true })
  if (agreed) return
  throw new FusionError('target', `${path} exists already.`, { hint: 'Choose another name, or replace it.' })
}
