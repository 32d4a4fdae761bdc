import type { LeaderboardEntry, LossSummary } from '../../../contract/evaluate/losses'
import { FusionError, toErrorReport, type ErrorReport } from '../../../contract/errors'
import type { LeaderboardRow } from '../../../contract/methods/descriptor'
import { describedMethod, METHODS, PARAMETERS } from '../../../contract/methods/index'
import { parameterValue } from '../../../contract/methods/settings'
import { PLAIN_AVERAGE } from '../../../contract/methods/soup'
import {
  methodSchema,
  needsCalibration,
  projectSchema,
  type MethodName,
  type MethodSettings,
  type Project,
} from '../../../contract/document/project'
import { mean } from '../losses/bootstrap'
import type { EvaluatedRow, EvaluationRun, MeasuredRow } from '../evaluation-run'
import { summariseLosses } from '../losses/loss-summary'
import { differenceInWords, exceedsTwoErrors, pairedLosses } from './paired-difference'

export { PLAIN_AVERAGE }

/** The leaderboard's rows of all methods; the plain average first, because all others are compared with it. */
const ROWS: readonly { method: MethodName; row: LeaderboardRow }[] = METHODS.flatMap(({ name, leaderboard }) =>
  leaderboard.map((row) => ({ method: name, row })),
).sort((a, b) => Number(b.row.name === PLAIN_AVERAGE) - Number(a.row.name === PLAIN_AVERAGE))

/** Rows of a comparison: base and specialists that take part, then every method that takes so many, with equal weights. */
export function comparedRows(project: Project): EvaluatedRow[] {
  const models = project.models.filter(({ enabled }, index) => index === 0 || enabled)
  const [base, ...specialists] = models
  if (!base || specialists.length === 0)
    throw new FusionError('validation', 'A comparison needs a base and at least one specialist.', {
      hint: 'Add them, or let one that was dropped take part again.',
    })
  const takesAll = ({ method }: (typeof ROWS)[number]): boolean => {
    const { least, most } = describedMethod(method).specialists
    return specialists.length >= least && specialists.length <= most
  }
  const merges = ROWS.filter(takesAll)
    .map(({ method, row }): EvaluatedRow & { merge: Project } => {
      const { name, totalWeight } = row
      const weight = totalWeight === undefined ? 1 : totalWeight / specialists.length
      return {
        name,
        role: 'merge',
        path: null,
        merge: projectSchema.parse({
          ...project,
          models: models.map(({ name, path }, index) => ({ name, path, weight: index === 0 ? 1 : weight })),
          method: comparedMethod(project.method, method, row, specialists.length),
          output: { include: project.output.include },
        }),
      }
    })
    .filter(({ merge: { method } }) => method.calibration !== undefined || !needsCalibration(method))
  return withOwnNames([
    { name: base.name, role: 'base', path: base.path, merge: null },
    ...specialists.map((model): EvaluatedRow => ({
      name: model.name,
      role: 'specialist',
      path: model.path,
      merge: null,
    })),
    ...merges,
  ])
}

/** A method as its row of the leaderboard has it; what belongs to the models and the project stays. */
function comparedMethod(
  own: MethodSettings,
  name: MethodName,
  { settings, perSpecialist = [] }: LeaderboardRow,
  specialists: number,
): MethodSettings {
  const ofProject = PARAMETERS.filter(({ isOfProject }) => isOfProject).map((parameter) => [
    parameter.key,
    parameterValue(parameter, own),
  ])
  const ofRow = Object.entries(settings ?? {}).map(([key, value]) => [
    key,
    perSpecialist.includes(key) ? Number(value) / specialists : value,
  ])
  const { layerKinds, calibration, align } = own
  const given = Object.fromEntries([...ofProject, ...ofRow])
  const method = methodSchema.parse({ name, layerKinds, calibration, align, ...given })
  // Real inputs are those of the models as their files have them.
  return needsCalibration(method) ? { ...method, align: false } : method
}

/** Names of merges that models have already get another ending: rows are known by their names. */
export function withOwnNames(rows: readonly EvaluatedRow[]): EvaluatedRow[] {
  const taken = new Set(rows.filter(({ merge }) => !merge).map(({ name }) => name))
  return rows.map((row) => {
    let { name } = row
    while (row.merge && taken.has(name)) name += ' (merge)'
    taken.add(name)
    return { ...row, name }
  })
}

/** What is done to a row, where it is not measured. */
const ROW_PHASES: Readonly<Record<string, string>> = { merging: 'making', drawing: 'drawing with' }

export interface RowNews {
  onProgress?: (phase: string, fraction: number) => void
  /** Called with all rows that are measured so far. */
  onRow?: (measured: readonly MeasuredRow[]) => void
  onFailed?: (name: string, error: ErrorReport) => void
}

/**
 * Measures rows one after the other. A merge that cannot be made is told and left out; whatever stops the base, or would
 * stop every other row, stops all.
 * @throws FusionError 'cancelled', 'device', 'out-of-memory', and what the base's measurement throws
 */
export async function measureRows(
  run: EvaluationRun,
  rows: readonly EvaluatedRow[],
  { onProgress, onRow, onFailed }: RowNews = {},
): Promise<MeasuredRow[]> {
  const measured: MeasuredRow[] = []
  await forEachRow(
    rows,
    async (row, index) => {
      measured.push(
        await run.measure(row, (phase, fraction) =>
          onProgress?.(`${ROW_PHASES[phase] ?? 'measuring'} ${row.name}`, (index + fraction) / rows.length),
        ),
      )
      onRow?.(measured)
    },
    onFailed,
  )
  return measured
}

/**
 * Works on rows one after the other. One that fails is told and left out, unless it is the base, or what happened would
 * happen to every other row.
 */
export async function forEachRow(
  rows: readonly EvaluatedRow[],
  work: (row: EvaluatedRow, index: number) => Promise<void>,
  onFailed?: RowNews['onFailed'],
): Promise<void> {
  for (const [index, row] of rows.entries()) {
    try {
      await work(row, index)
    } catch (error) {
      const fatal = ['cancelled', 'device', 'out-of-memory'] as const
      const report = toErrorReport(error)
      if (row.role === 'base' || (fatal as readonly string[]).includes(report.kind)) throw error
      onFailed?.(row.name, report)
    }
  }
}

/** Rows by their mean loss, best first. */
export function leaderboardOf(summary: LossSummary, measured: readonly MeasuredRow[]): LeaderboardEntry[] {
  const base = measured.find(({ role }) => role === 'base')!
  const soup = measured.find(({ name, role }) => role === 'merge' && name === PLAIN_AVERAGE)
  return summary.models
    .map((model): LeaderboardEntry => {
      const own = measured.find(({ name }) => name === model.name)!
      return {
        name: model.name,
        role: model.role,
        loss: model.mean.loss.value,
        againstBase: own === base ? null : pairedLosses(own, base),
        againstSoup: !soup || own === soup ? null : pairedLosses(own, soup),
        keptPercent: model.kept.length === 0 ? null : mean(model.kept.map(({ percent }) => percent.value)),
        seconds: own.seconds,
      }
    })
    .sort((a, b) => a.loss - b.loss)
}

/** What a leaderboard says, as sentences. */
export function verdictOf(board: readonly LeaderboardEntry[]): string {
  const [best, second] = board.filter(({ role }) => role === 'merge')
  if (!best) return 'No merge is measured yet.'
  const base = board.find(({ role }) => role === 'base')!
  const first = `Of the merges ${best.name} has the least loss on these pictures.`
  const againstSoup =
    best.name === PLAIN_AVERAGE
      ? `No other method beats the plain average${second ? `; the next is ${second.name} (${differenceInWords(second.againstSoup!)})` : ''}.`
      : best.againstSoup
        ? exceedsTwoErrors(best.againstSoup)
          ? `It beats the plain average: ${differenceInWords(best.againstSoup)}.`
          : `That is not significantly better than the plain average: ${differenceInWords(best.againstSoup)}.`
        : ''
  const difference = best.againstBase!
  const againstBase = !exceedsTwoErrors(difference)
    ? `It does not differ significantly from ${base.name} alone: ${differenceInWords(difference)}.`
    : difference.mean < 0
      ? `It is better than ${base.name} alone: ${differenceInWords(difference)}.`
      : `${base.name} alone is better over all domains: ${differenceInWords(difference)}.`
  const top = board[0]!
  const specialist = top.role === 'specialist' ? `The best of all is a specialist, ${top.name}.` : ''
  return [first, againstSoup, againstBase, specialist].filter(Boolean).join(' ')
}

/** A comparison of rows as far as it is measured; the base, which comes first, must be among them. */
export function compareRows(
  run: EvaluationRun,
  measured: readonly MeasuredRow[],
): { summary: LossSummary; leaderboard: LeaderboardEntry[]; verdict: string } {
  const summary = summariseLosses(run.tableOf(measured))
  const leaderboard = leaderboardOf(summary, measured)
  return { summary, leaderboard, verdict: verdictOf(leaderboard) }
}
