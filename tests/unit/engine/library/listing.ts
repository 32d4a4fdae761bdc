import type { LibraryEntry, LibraryListing } from '../../../../src-main/contract/library'
import { listModels, type ListOptions } from '../../../../src-main/engine/library/list-models'

export async function list(folder: string, options: ListOptions = {}): Promise<LibraryListing> {
  return listModels([folder], options)
}

/** 'name: kind base', sorted, to compare. */
export function inWords(entries: readonly LibraryEntry[]): string[] {
  return entries.map(({ name, kind, baseTitle }) => `${name}: ${kind}${baseTitle ? ` ${baseTitle}` : ''}`).sort()
}
