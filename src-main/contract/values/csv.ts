/** Text that a spreadsheet would compute: it gets an apostrophe in front, which spreadsheets read as 'this is text'. */
const FORMULA = /^(?=[=+\-@\t\r])(?![+-]?[\d.]+(e[+-]?\d+)?$)/i

/** Rows of cells as CSV (RFC 4180): what the window saves and what the command line writes. */
export function csv(rows: readonly (readonly (string | number)[])[]): string {
  const cell = (value: string | number): string => {
    const text = typeof value === 'string' && FORMULA.test(value) ? `'${value}` : String(value)
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return rows.map((cells) => `${cells.map(cell).join(',')}\r\n`).join('')
}

/** Columns of a table by their headers, in order: the cell of a row; nothing where there is no figure. */
export type CsvColumns<Row> = Readonly<Record<string, (row: Row) => string | number | null | undefined>>

/** A table as CSV: a line of headers, then one line for each row. */
export function csvTable<Row>(columns: CsvColumns<Row>, rows: readonly Row[]): string {
  const cells = Object.values(columns)
  return csv([Object.keys(columns), ...rows.map((row) => cells.map((cell) => cell(row) ?? ''))])
}
