import { REPORT_MARK } from '../../../contract/report/report-page'
import { readBeginning } from '../reading/regular-file'
import { fileKind, type TargetKind } from './target'

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
/** As many columns of a table as its later versions keep. */
const TELLING_COLUMNS = 3

/** Keyword and text, as the PNG specification names them, of the program that wrote a picture. */
export const SOFTWARE = ['Software', 'FeatureFusion Studio'] as const
/** Signature, header and the first text chunk. */
const PNG_HEAD = 80

export const PNG_FILE = fileKind('PNG picture', isPng)

/** A picture that this program wrote: other pictures may be somebody's work. */
export const OWN_PNG_FILE = fileKind('PNG picture that this program wrote', async (path) => {
  const told = (await readBeginning(path, PNG_HEAD)).includes(SOFTWARE.join('\0'), PNG_SIGNATURE.length)
  return told && isPng(path)
})

async function isPng(path: string): Promise<boolean> {
  return (await readBeginning(path, PNG_SIGNATURE.length)).equals(PNG_SIGNATURE)
}

/**
 * A CSV table of a kind that this program writes: other tables may be somebody's work.
 * @param empty such a table with its header alone
 */
export function csvFile(empty: string): TargetKind {
  const beginning = Buffer.from(`${empty.trimEnd().split(',').slice(0, TELLING_COLUMNS).join(',')},`)
  return fileKind('table of this kind that this program wrote', async (path) => {
    return (await readBeginning(path, beginning.length)).equals(beginning)
  })
}

/** Where the mark of a report stands at the latest. */
const REPORT_HEAD = 400

/** A report that this program wrote: other pages may be somebody's work. */
export const REPORT_FILE = fileKind('report that this program wrote', async (path) => {
  return (await readBeginning(path, REPORT_HEAD)).toString('utf8').includes(REPORT_MARK)
})
