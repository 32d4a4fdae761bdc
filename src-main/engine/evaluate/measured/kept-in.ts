import type { z } from 'zod'
import { SHARED } from '../../files/writing/permissions'
import { DrawnPictures } from '../drawn/drawn-pictures'
import { byContent, byState, type FileIdentity } from '../file-identity'
import { MeasurementStore } from './measurement-store'
import type { Measurements } from './measurements'
import type { ResultLines } from './result-lines'

/** Where measurements are kept: in a folder of results that several machines fill, or in this program's cache. */
export interface KeptIn {
  cacheFolder: string
  results?: ResultLines | undefined
  signal?: AbortSignal | undefined
}

export function measurementsIn<Stored>(
  { cacheFolder, results }: KeptIn,
  schema: z.ZodType<Stored>,
): Measurements<Stored> {
  return results?.of(schema) ?? new MeasurementStore(cacheFolder, schema)
}

/** Where pictures that models draw are kept. */
export function drawnPicturesIn({ cacheFolder, results }: KeptIn): DrawnPictures {
  return results ? new DrawnPictures(results.folder, SHARED) : new DrawnPictures(cacheFolder)
}

/** How keys tell files: results of other machines are found by what the files hold. */
export function identityFor({ cacheFolder, results, signal }: KeptIn): FileIdentity {
  return results ? byContent({ cacheFolder, ...(signal && { signal }) }) : byState
}
