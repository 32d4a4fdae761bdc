import { RECIPE_KEY } from '../../../checkpoint/describe'
import { readSafetensors } from '../../../checkpoint/containers/safetensors'
import { EXPORT_FOLDER } from '../../../files/writing/export-manifest'
import { fileKind, type TargetKind } from '../../../files/writing/target'

const EXPORT_FILE = fileKind(
  'safetensors file',
  readSafetensors,
  async (path) => RECIPE_KEY in (await readSafetensors(path)).metadata,
)

/** What a merge writes: another merge of this program may take its place unasked. */
export function exportKind(folder: boolean): TargetKind {
  return folder ? EXPORT_FOLDER : EXPORT_FILE
}
