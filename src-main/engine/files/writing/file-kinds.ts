import { REPORT_MARK } from '../../../contract/report/report-page'
import { readBeginning } from '../reading/regular-file'
import { fileKind, type TargetKind } from './target'

/** As many columns of a table as its later versions keep. */
const TELLING_COLUMNS = 3

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
