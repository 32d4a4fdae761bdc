import type { z } from 'zod'
import { readSmallText } from '../../engine/files/reading/regular-file'
import { SMALL_FILES } from '../../engine/files/reading/small-files'
import { writeWhole } from '../../engine/files/writing/write-whole'

/** A small JSON file of the program's own; null where it is missing or is not what the schema says. */
export async function readJsonFile<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
): Promise<z.output<Schema> | null> {
  try {
    const parsed = schema.safeParse(JSON.parse(await readSmallText(path, SMALL_FILES.own)))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

/** Writes such a file. @throws the file system's own error */
export async function writeJsonFile(path: string, value: unknown): Promise<void> {
  await writeWhole(path, `${JSON.stringify(value, null, 2)}\n`)
}
