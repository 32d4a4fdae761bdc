import { createHash } from 'node:crypto'
import { z } from 'zod'
import { FusionError } from '../../../contract/errors'
import { tellDamage, tellUnreadable } from './cache-damage'
import { readSmallText } from '../reading/regular-file'
import { SMALL_FILES } from '../reading/small-files'
import type { Permissions } from '../writing/permissions'
import { writeWhole } from '../writing/write-whole'

const envelopeSchema = z.object({ sha256: z.string(), value: z.string() })

/**
 * A small file of a cache: JSON with a checksum of its contents and of the key that it is kept under, so that no file is
 * believed that was changed or that belongs elsewhere. Against somebody who may write to the cache that is no protection.
 */
export async function writeCheckedJson(
  path: string,
  key: string,
  value: unknown,
  permissions?: Permissions,
): Promise<void> {
  const text = JSON.stringify(value)
  await writeWhole(path, JSON.stringify({ sha256: checksum(key, text), value: text }), permissions)
}

/** What writeCheckedJson wrote; null where nothing is there, and where it is damaged or cannot be read, which is said. */
export async function readCheckedJson<Value>(
  path: string,
  key: string,
  schema: z.ZodType<Value>,
): Promise<Value | null> {
  return readSharedJson(path, key, schema).catch((error: unknown) => {
    if (!(error instanceof FusionError)) throw error
    tellUnreadable(path)
    return null
  })
}

/** The same in a folder that people share. @throws FusionError 'unreadable' */
export async function readSharedJson<Value>(
  path: string,
  key: string,
  schema: z.ZodType<Value>,
): Promise<Value | null> {
  try {
    const { sha256, value } = envelopeSchema.parse(JSON.parse(await readSmallText(path, SMALL_FILES.own)))
    if (sha256 === checksum(key, value)) return schema.parse(JSON.parse(value))
  } catch (error) {
    if (error instanceof FusionError && error.kind === 'not-found') return null
    if (error instanceof FusionError && error.kind === 'unreadable') throw error
  }
  tellDamage(path)
  return null
}

function checksum(key: string, text: string): string {
  return createHash('sha256').update(`${key}\n${text}`).digest('hex')
}
