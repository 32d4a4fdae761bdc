import { isTampered, verifyExport } from '../../engine/merge/plan/export/verify-export'
import type { TaskRunner } from '../task'

/** Computes all hashes of an export anew, and says what they prove. */
export const verify: TaskRunner<'verify'> = async ({ path }, { signal, emit }) => {
  emit({ type: 'progress', phase: 'hashing', fraction: 0 })
  const verified = await verifyExport(path, [], signal)
  const { missing = [], changed = [], added = [] } = verified.folder ?? {}
  return {
    kind: 'verify',
    verification: {
      path,
      intact: !isTampered(verified),
      files: verified.files.map(({ path, data, names, metadata }) => ({ path, data, names, metadata })),
      missing,
      changed,
      added,
    },
  }
}
