import { cpus } from 'node:os'

/** What computes here, for keys and recipes: processors of different kinds round differently. */
export function processorName(): string {
  return `${process.arch} ${cpus()[0]?.model ?? ''}`.trim()
}
