/** Rows of cells as CSV (RFC 4180): what the window saves and what the command line writes. */
export function csv(rows: readonly (readonly (string | number)[])[]): string {
  const cell = (value: string | number): string => {
    const text = String(value)
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return rows.map((cells) => `${cells.map(cell).join(',')}\r\n`).join('')
}
