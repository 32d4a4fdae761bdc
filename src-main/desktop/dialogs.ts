import { dialog, type BrowserWindow, type FileFilter, type OpenDialogOptions } from 'electron'
import type { DialogPurpose } from '../app/studio'
import { PROMPTS_ENDING, RECIPE_ENDINGS, WEIGHTS_ENDINGS } from '../contract/document/names/model-names'

const PROJECTS: FileFilter[] = [{ name: 'Projects', extensions: ['fusion.json', 'json'] }]
const MODELS: FileFilter[] = [{ name: 'Checkpoints', extensions: WEIGHTS_ENDINGS }]
const RECIPES: FileFilter[] = [
  { name: 'Checkpoints and recipes', extensions: [...WEIGHTS_ENDINGS, 'json', ...RECIPE_ENDINGS] },
]
const EXPORTS: FileFilter[] = [{ name: 'Checkpoints', extensions: ['safetensors'] }]
const TEXTS: FileFilter[] = [{ name: 'Texts', extensions: [PROMPTS_ENDING] }]
const PICTURES: FileFilter[] = [{ name: 'PNG pictures', extensions: ['png'] }]

const OPEN: Partial<Record<DialogPurpose, OpenDialogOptions>> = {
  models: { title: 'Add models', properties: ['openFile', 'multiSelections'], filters: [...MODELS, ...PROJECTS] },
  'model-folders': { title: 'Add model folders', properties: ['openDirectory', 'multiSelections'] },
  recipe: { title: 'Restore from a file', properties: ['openFile'], filters: RECIPES },
  'open-project': { title: 'Open a project', properties: ['openFile'], filters: PROJECTS },
  folder: { title: 'Choose a folder', properties: ['openDirectory', 'createDirectory'] },
  prompts: { title: 'Choose a file of prompts', properties: ['openFile'], filters: TEXTS },
}

const SAVE: Partial<Record<DialogPurpose, { title: string; filters: FileFilter[] }>> = {
  'save-project': { title: 'Save the project', filters: PROJECTS },
  'export-file': { title: 'Export to a file', filters: EXPORTS },
  'export-folder': { title: 'Export to a folder', filters: [] },
  'save-picture': { title: 'Save the picture', filters: PICTURES },
}

/** The system's own dialogs. Nothing chosen: no paths. */
export async function showDialog(
  window: BrowserWindow,
  purpose: DialogPurpose,
  suggested: string | undefined,
  title: string | undefined,
): Promise<string[]> {
  const place = { ...(suggested !== undefined && { defaultPath: suggested }), ...(title !== undefined && { title }) }
  const open = OPEN[purpose]
  if (open) return (await dialog.showOpenDialog(window, { ...open, ...place })).filePaths
  const { filePath } = await dialog.showSaveDialog(window, { ...SAVE[purpose], ...place })
  return filePath ? [filePath] : []
}
