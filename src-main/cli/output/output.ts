import { FusionError, toErrorReport } from '../../contract/errors'
import { oneLine, printable, printableJson } from '../../contract/values/printable'
import { onDamage } from '../../engine/files/kept/cache-damage'

/** Exit codes of the command line (cli.md). */
export const EXIT = { done: 0, failed: 1, usage: 2, cancelled: 130 } as const

/** Lines of an error's details that a terminal shows. */
const DETAIL_LINES = 12

/** Options that every command has. */
export interface CommonOptions {
  json?: boolean
}

/** Prints a result on standard output: as JSON for machines, else in words. Names in it can do nothing to a terminal. */
export function printResult(options: CommonOptions, result: unknown, words: () => string): void {
  process.stdout.write(`${options.json ? printableJson(result) : printable(words())}\n`)
}

/** Lines of words; a name in one of them makes no other line. */
export function lines(texts: readonly string[]): string {
  return texts.map(oneLine).join('\n')
}

/** Says something that is no result, on standard error. */
export function say(text: string): void {
  process.stderr.write(`${printable(text)}\n`)
}

/** Runs a command and ends the process with its exit code; errors are printed as data (--json) or in words. */
export async function runCommand(
  options: CommonOptions,
  command: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController()
  const cancel = (): void => controller.abort()
  process.once('SIGINT', cancel)
  process.once('SIGTERM', cancel)
  try {
    await sayingDamage(() => command(controller.signal))
  } catch (error) {
    const report = toErrorReport(error)
    if (options.json) printError(error)
    say(`Error: ${oneLine(report.message)}`)
    if (report.detail !== undefined) say(indented(firstLines(report.detail)))
    if (report.hint !== undefined) say(oneLine(report.hint))
    process.exitCode =
      report.kind === 'cancelled' ? EXIT.cancelled : error instanceof UsageError ? EXIT.usage : EXIT.failed
  } finally {
    process.removeListener('SIGINT', cancel)
    process.removeListener('SIGTERM', cancel)
  }
}

/** An error as data, on standard output. */
export function printError(error: unknown): void {
  process.stdout.write(`${printableJson({ error: toErrorReport(error) })}\n`)
}

/** Says what of the cache turns out to be damaged, each once. */
async function sayingDamage(command: () => Promise<void>): Promise<void> {
  const said = new Set<string>()
  const end = onDamage((note) => {
    if (!said.has(note)) say(`Note: ${note}`)
    said.add(note)
  })
  await command().finally(end)
}

/** So that a name with a line break is seen to be one. */
function indented(text: string): string {
  return text.replace(/^/gm, '  ')
}

/** Long lists (the tensors of another architecture) are whole only with --json. */
function firstLines(text: string): string {
  const lines = text.split('\n')
  if (lines.length <= DETAIL_LINES) return text
  return [...lines.slice(0, DETAIL_LINES), `… and ${lines.length - DETAIL_LINES} more (--json lists all).`].join('\n')
}

/** A command line that says something impossible. */
export class UsageError extends FusionError {
  constructor(message: string, hint?: string) {
    super('validation', message, hint === undefined ? {} : { hint })
  }
}

/** A line of progress on a terminal's standard error, written over itself; silent where it is no terminal. */
export class ProgressLine {
  private last = ''
  private readonly started = performance.now()

  /** @param fraction of the phase, 0 … 1 */
  show(phase: string, fraction: number): void {
    if (!process.stderr.isTTY) return
    const elapsed = (performance.now() - this.started) / 1000
    const left = fraction > 0.02 ? `, about ${seconds((elapsed / fraction) * (1 - fraction))} left` : ''
    const line = `${oneLine(phase)} ${Math.floor(fraction * 100)} %${left}`
    if (line === this.last) return
    this.last = line
    process.stderr.write(`\r\x1b[K${line}`)
  }

  end(): void {
    if (this.last !== '') process.stderr.write('\r\x1b[K')
    this.last = ''
  }
}

/** A duration for people. */
export function seconds(value: number): string {
  if (value < 10) return `${value.toFixed(1)} s`
  if (value < 90) return `${Math.round(value)} s`
  return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`
}

/** A size for people, in decimal units as disks are sold. */
export function bytes(value: number): string {
  if (value < 1e6) return `${Math.ceil(value / 1e3)} KB`
  return value < 1e9 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e9).toFixed(2)} GB`
}

/** Rows of cells as columns of equal width; numbers, and what stands over nothing else, are aligned to the right. */
export function table(cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(oneLine))
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const isNumber = (cell: string): boolean => /^\(?[+−-]?[\d.,]+( ?%)?( ± [\d.,]+)?\)?( s)?$/.test(cell)
  const overNumbers = widths.map(
    (_, column) => rows.length > 1 && rows.slice(1).every((row) => row[column] === '' || isNumber(row[column]!)),
  )
  const isRight = (cell: string, row: number, column: number): boolean =>
    isNumber(cell) || (row === 0 && overNumbers[column]!)
  return rows
    .map((row, at) =>
      row
        .map((cell, column) =>
          isRight(cell, at, column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** '+1.2', '−0.3': a change, with its sign. */
export function signed(value: number, digits: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`
}
