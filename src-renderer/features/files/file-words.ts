import type { CommandInput, CommandOutput } from '../../../src-main/contract/protocol/commands'
import { ENDINGS } from '../../../src-main/contract/document/names/file-names'
import { PROMPTS_ENDING, RECIPE_ENDINGS, WEIGHTS_ENDINGS } from '../../../src-main/contract/document/names/model-names'
import { countOf } from '../../shared/format'
import type { IconName } from '../../shared/controls/icons'

export type FilePurpose = CommandInput<'files.dialog'>['purpose']
export type FolderEntry = CommandOutput<'files.list'>['entries'][number]

export const TITLES: Record<FilePurpose, string> = {
  models: 'Add models',
  'model-folders': 'Add model folders',
  recipe: 'Restore from a file',
  'open-project': 'Open a project',
  'save-project': 'Save the project as',
  'export-file': 'Export to a file',
  'export-folder': 'Export to a folder',
  folder: 'Choose a folder',
  prompts: 'Choose a file of prompts',
  'save-picture': 'Save the picture as',
}

/** What can be chosen, besides folders to look into. */
export const PICKED: Partial<Record<FilePurpose, FolderEntry['kind'][]>> = {
  models: ['model', 'model-folder', 'project'],
  'model-folders': ['model', 'model-folder'],
  recipe: ['model', 'model-folder', 'recipe'],
  'open-project': ['project'],
  prompts: ['recipe', 'file'],
}

/** By which a file that is written is known; a folder has none. */
export const WRITTEN_ENDING: Partial<Record<FilePurpose, string>> = {
  'save-project': ENDINGS.project,
  'export-file': ENDINGS.weights,
  'save-picture': ENDINGS.picture,
}

export const ICON: Record<FolderEntry['kind'], IconName> = {
  folder: 'folder',
  'model-folder': 'models',
  model: 'models',
  project: 'file',
  recipe: 'file',
  picture: 'preview',
  file: 'file',
}

export const KIND_WORDS: Partial<Record<FolderEntry['kind'], string>> = {
  'model-folder': 'model',
  model: 'model',
  project: 'project',
}

const SHOWN: Partial<Record<FilePurpose, string>> = {
  prompts: `Prompts are in .${PROMPTS_ENDING} files`,
  'open-project': `Projects end in ${ENDINGS.project}`,
  recipe: `Models end in ${listed(WEIGHTS_ENDINGS)}, recipes in ${listed(['json', ...RECIPE_ENDINGS])}`,
}

function listed(endings: readonly string[]): string {
  return endings.map((ending) => `.${ending}`).join(', ')
}

/** What of a folder is not shown, in words; null where all of it is. */
export function hiddenWords(purpose: FilePurpose, count: number): string | null {
  if (count === 0) return null
  const shown = SHOWN[purpose] ?? `Models end in ${listed(WEIGHTS_ENDINGS)}`
  return `${shown}: ${countOf(count, 'other file')} ${count === 1 ? 'is' : 'are'} not shown.`
}
