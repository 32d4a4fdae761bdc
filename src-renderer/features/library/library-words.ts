import { kindInWords, PROGRAM_TITLES, type LibraryEntry, type LibraryFolder } from '../../../src-main/contract/library'
import { countOf } from '../../shared/format'

/** 'LoRA, rank 32 · SDXL', 'Checkpoint · SD 1.x'. */
export function factWords(entry: LibraryEntry): string {
  return [kindInWords(entry), entry.baseTitle].filter(Boolean).join(' · ')
}

/** Why it cannot be read, without its path, which would hide the reason in one line. */
export function problemWords({ problem, path }: LibraryEntry): string | null {
  return problem === null ? null : problem.replace(path, 'This')
}

/** What is in a folder: 'ComfyUI, 12 models', or why it cannot be listed. */
export function folderWords({ program, models, problem }: LibraryFolder): string {
  if (problem !== null) return problem
  const count = countOf(models, 'model')
  return program === null || program === 'folder' ? count : `${PROGRAM_TITLES[program]}, ${count}`
}
