import { z } from 'zod'
import { FusionError } from '../../../contract/errors'
import { parseJson } from '../../../contract/values/json-text'
import { checksum } from '../../files/kept/checksums'
import { readSmallText } from '../../files/reading/regular-file'
import { SMALL_FILES } from '../../files/reading/small-files'
import { exportSealSchema, type ExportSeal } from './export-seal'

/** Bytes of an output file's data that are final. */
const rangeSchema = z.object({
  /** Place of the file in the plan's list. */
  file: z.int().nonnegative(),
  offset: z.int().nonnegative(),
  byteLength: z.int().positive(),
  checksum: z.string(),
})

/** Numbers that JSON cannot hold (infinite ones) do not pass: such a layer is merged again. */
const reportSchema = z.record(z.string(), z.union([z.string(), z.number(), z.array(z.number())]))

/** A job or a layer that is done. */
const finishedWorkSchema = z.object({
  /** Of a layer: its weight and its bias. */
  ranges: z.array(rangeSchema).min(1),
  overflowed: z.boolean(),
  squaredNorms: z.array(z.number()),
  /** What is told of a layer, per group. */
  reports: z.array(reportSchema),
})
export type WrittenRange = z.infer<typeof rangeSchema>
export type FinishedWork = z.infer<typeof finishedWorkSchema>

const headSchema = z.object({
  format: z.literal('featurefusion-export-journal'),
  version: z.literal(1),
  seal: exportSealSchema,
})

/** What a journal says; lines that are cut or damaged are left out. */
export interface ReadJournal {
  seal: ExportSeal
  work: FinishedWork[]
}

/** A line of a journal: a checksum of the text, and the text. */
function line(value: unknown): string {
  const text = JSON.stringify(value)
  return `${checksum(Buffer.from(text))} ${text}\n`
}

/** The first line. */
export function headLine(seal: ExportSeal): string {
  return line({ format: 'featurefusion-export-journal', version: 1, seal } satisfies z.infer<typeof headSchema>)
}

export function workLine(work: FinishedWork): string {
  return line(work)
}

/**
 * @returns null where there is no journal, or its first line is damaged: then nothing says what was begun
 * @throws FusionError 'unreadable'
 */
export async function readJournal(path: string): Promise<ReadJournal | null> {
  const text = await readSmallText(path, SMALL_FILES.own).catch((error: unknown) => {
    if (error instanceof FusionError && error.kind === 'unreadable') throw error
    return ''
  })
  const [first, ...others] = text.split('\n').map(valueOf)
  const head = headSchema.safeParse(first)
  if (!head.success) return null
  const work = others.flatMap((value) => {
    const parsed = finishedWorkSchema.safeParse(value)
    return parsed.success ? [parsed.data] : []
  })
  return { seal: head.data.seal, work }
}

/** undefined for a line that is not as it was written. */
function valueOf(written: string): unknown {
  const at = written.indexOf(' ')
  const text = written.slice(at + 1)
  return written.slice(0, at) === checksum(Buffer.from(text)) ? parseJson(text) : undefined
}
