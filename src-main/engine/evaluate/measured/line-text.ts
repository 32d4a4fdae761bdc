import { z } from 'zod'
import { parseJson } from '../../../contract/values/json-text'
import { checksum } from '../../files/kept/checksums'

const lineSchema = z.object({
  /** Of all that the result depends on. */
  key: z.string(),
  /** What was measured, for people. */
  unit: z.string(),
  value: z.record(z.string(), z.unknown()),
  /** What computed it: another kind may round differently. */
  processor: z.string(),
})
/** One result. */
export type ResultLine = z.infer<typeof lineSchema>

const writtenSchema = lineSchema.extend({ checksum: z.string() })

/** A result as a line of JSON, with a checksum of all else in it. */
export function writeLine(line: ResultLine): string {
  return `${JSON.stringify({ ...line, checksum: checksumOf(line) })}\n`
}

/** null for a line that is not as it was written. */
export function readLine(text: string): ResultLine | null {
  const parsed = writtenSchema.safeParse(parseJson(text))
  if (!parsed.success) return null
  const { checksum: noted, ...line } = parsed.data
  return noted === checksumOf(line) ? line : null
}

/** What was measured; how long it took is not a part of that. */
export function figuresOf({ value: { seconds: _seconds, ...figures } }: ResultLine): string {
  return JSON.stringify(figures)
}

/** Whether it says why something cannot be measured (kept-failures.ts). */
export function isFailure({ value }: ResultLine): boolean {
  return 'failed' in value
}

function checksumOf({ key, unit, value, processor }: ResultLine): string {
  return checksum(Buffer.from(JSON.stringify([key, unit, value, processor])))
}
