import { readBeginning } from '../files/reading/regular-file'
import { fileKind } from '../files/writing/target'
import { readPngText, SIGNATURE, SOFTWARE } from './png-text'

/** Signature, header, and the first text of this program's pictures. */
const TELLING_BYTES = 80

export const PNG_FILE = fileKind('PNG picture', async (path) => {
  return (await readBeginning(path, SIGNATURE.length)).equals(SIGNATURE)
})

/** A picture that this program wrote: other pictures may be somebody's work. */
export const OWN_PNG_FILE = fileKind('PNG picture that this program wrote', async (path) => {
  const [keyword, program] = SOFTWARE
  return readPngText(await readBeginning(path, TELLING_BYTES)).get(keyword) === program
})
