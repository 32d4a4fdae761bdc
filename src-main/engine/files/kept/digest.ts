import { createHash } from 'node:crypto'

/** What plain data are known by: sha256 of their JSON. */
export function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}
