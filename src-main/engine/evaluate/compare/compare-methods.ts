import type { EvaluationSettings } from '../../../contract/evaluate/settings'
import { FusionError, toErrorReport, type ErrorKind, type ErrorReport } from '../../../contract/errors'
import type { LeaderboardRow, NumberParameter } from '../../../contract/methods/descriptor'
import { describedMethod, METHODS, PARAMETERS } from '../../../contract/methods/index'
import { SCALE } from '../../../contract/methods/parameters'
import { parameterValue } from '../../../contract/methods/settings'
import { PLAIN_AVERAGE } from '../../../contract/methods/soup'
import {
  methodSchema,
  needsCalibration,
  projectSchema,
  takingPart,
  type MethodName,
  type MethodSettings,
  type Project,
} from '../../../contract/document/project'
import { halves, type ChosenDomain } from '../data/splits'
import type { EvaluatedRow, EvaluationRun, MeasuredRow } from '../evaluation-run'
import { mean } from '../losses/bootstrap'
import { NotKept } from '../../files/kept/not-kept'
import { NotMeasured } from '../measured/not-measured'
import { MOST_SCALES, searchScale } from './scale-search'
import { groupBy } from '../../../contract/values/group-by'

export { PLAIN_AVERAGE }

/** A row of the leaderboard, of its method. */
interface MethodRow {
  method: MethodName
  row: LeaderboardRow
  /** Its scale is looked for. */
  searchesScale: boolean
}

/** The part of a row's time in which its scale is searched, where it is. */
const SEARCH_PART = 0.8

/**
 * The leaderboard's rows of some methods, of all where none is named; the plain average first, always, because all
 * others are compared with it.
 */
function methodRows({ scales, methods }: Pick<EvaluationSettings, 'scales' | 'methods'>): MethodRow[] {
  return METHODS.flatMap(({ name: method, leaderboard, parameters }) => {
    const searchesScale = scales === 'searched' && parameters.some(({ key }) => key === SCALE.key)
    const rows = searchesScale ? withoutScales(leaderboard) : leaderboard
    const isChosen = methods.length === 0 || methods.includes(method)
    return rows.filter(({ name }) => isChosen || name === PLAIN_AVERAGE).map((row) => ({ method, row, searchesScale }))
  }).sort((a, b) => Number(b.row.name === PLAIN_AVERAGE) - Number(a.row.name === PLAIN_AVERAGE))
}

/** One row of those that differ in the scale alone, named by what their names begin with. */
function withoutScales(rows: readonly LeaderboardRow[]): LeaderboardRow[] {
  const alike = groupBy(rows, (row) =>
    JSON.stringify({ ...row, name: '', settings: { ...row.settings, [SCALE.key]: 0 } }),
  )
  return [...alike.values()].map(([first, ...others]) => {
    let name = first!.name
    while (!others.every((other) => other.name.startsWith(name))) name = name.slice(0, -1)
    return { ...first!, name: name.trim() || first!.name }
  })
}

/**
 * Rows of a comparison: base and specialists that take part, then every chosen method that takes so many, with equal
 * weights.
 * Methods with a scale begin with that of their paper, which is then searched, unless the project says that it is not.
 */
export function comparedRows(project: Project): EvaluatedRow[] {
  const models = takingPart(project.models)
  const [base, ...specialists] = models
  if (!base || specialists.length === 0)
    throw new FusionError('validation', 'A comparison needs a base and at least one specialist.', {
      hint: 'Add them, or let one that was dropped take part again.',
    })
  const takesAll = ({ method }: MethodRow): boolean => {
    const { least, most } = describedMethod(method).specialists
    return specialists.length >= least && specialists.length <= most
  }
  const merges = methodRows(project.evaluation)
    .filter(takesAll)
    .map(({ method, row, searchesScale }): EvaluatedRow & { merge: Project } => {
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
        ...(searchesScale && { searchesScale }),
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
const ROW_PHASES: Readonly<Record<string, string>> = {
  merging: 'making',
  drawing: 'drawing with',
  searching: 'searching the scale of',
}

export interface RowNews {
  onProgress?: (phase: string, fraction: number) => void
  /** Called with all rows that are measured so far. */
  onRow?: (measured: readonly MeasuredRow[]) => void
  onFailed?: (name: string, error: ErrorReport) => void
}

/**
 * Scales are searched on one half of the pictures, so all rows are judged by the other. Where nothing is searched, or a
 * domain has one picture alone, they are judged by all.
 */
export function judgedDomains(run: EvaluationRun, rows: readonly EvaluatedRow[]): readonly ChosenDomain[] {
  return usedDomains(run, rows).judged
}

/** The pictures of a comparison. */
export interface UsedDomains {
  /** Those that scales are searched on; null where none is. */
  search: readonly ChosenDomain[] | null
  /** Those that rows are judged by. */
  judged: readonly ChosenDomain[]
}

/** @param rows all of a comparison, since rows without a scale are judged by the same pictures */
export function usedDomains(run: EvaluationRun, rows: readonly EvaluatedRow[]): UsedDomains {
  const search = searchDomains(run, rows)
  return { search, judged: search ? halves(run.domains)[1] : run.domains }
}

/** The pictures that scales are searched on; null where none is. */
function searchDomains(run: EvaluationRun, rows: readonly EvaluatedRow[]): readonly ChosenDomain[] | null {
  const canSearch = run.domains.every(({ pictures }) => pictures.length > 1)
  return canSearch && rows.some(({ searchesScale }) => searchesScale) ? halves(run.domains)[0] : null
}

/**
 * Measures rows one after the other, on the pictures of `judgedDomains`. A merge that cannot be made is told and left out; whatever stops the base, or would
 * stop every other row, stops all.
 * @throws FusionError 'cancelled', 'device', 'out-of-memory', NotMeasured, NotKept, and what the base's measurement throws
 */
export async function measureRows(
  run: EvaluationRun,
  rows: readonly EvaluatedRow[],
  { onProgress, onRow, onFailed }: RowNews = {},
  { search, judged }: UsedDomains = usedDomains(run, rows),
): Promise<MeasuredRow[]> {
  const measured: MeasuredRow[] = []
  await forEachRow(
    rows,
    async (row, index) => {
      const part = search && row.searchesScale ? SEARCH_PART : 0
      const tell = (phase: string, fraction: number): void =>
        onProgress?.(`${ROW_PHASES[phase] ?? 'measuring'} ${row.name}`, (index + fraction) / rows.length)
      const final =
        part > 0 ? await withBestScale(run, row, search!, (fraction) => tell('searching', part * fraction)) : row
      measured.push(await run.measure(final, (phase, fraction) => tell(phase, part + (1 - part) * fraction), judged))
      onRow?.(measured)
    },
    onFailed,
  )
  return measured
}

/** The rows that were measured, those whose scale was searched with the scale that was found. */
export function withFoundScales(rows: readonly EvaluatedRow[], measured: readonly MeasuredRow[]): EvaluatedRow[] {
  return rows.flatMap((row) => {
    const found = measured.find(({ name }) => name === row.name)
    if (!found) return []
    return [found.scale === null ? row : withScale(row, found.scale)]
  })
}

/** Rows with the scales that are found for them; a row whose scale cannot be searched is told and left out. */
export async function withSearchedScales(
  run: EvaluationRun,
  rows: readonly EvaluatedRow[],
  news: RowNews = {},
): Promise<EvaluatedRow[]> {
  const searching = rows.filter(({ searchesScale }) => searchesScale)
  const found = withFoundScales(searching, await measureRows(run, searching, news))
  return rows.flatMap((row) => (row.searchesScale ? found.filter(({ name }) => name === row.name) : [row]))
}

function withScale(row: EvaluatedRow, scale: number): EvaluatedRow {
  const merge = row.merge!
  return { ...row, merge: { ...merge, method: { ...merge.method, [SCALE.key]: scale } } }
}

/** A merge with the scale that has the least mean loss on some pictures; every trial is kept, so that a search goes on. */
async function withBestScale(
  run: EvaluationRun,
  row: EvaluatedRow,
  domains: readonly ChosenDomain[],
  onProgress: (fraction: number) => void,
): Promise<EvaluatedRow> {
  const merge = row.merge!
  const parameter = describedMethod(merge.method.name).parameters.find(({ key }) => key === SCALE.key)!
  let tried = 0
  const lossOf = async (scale: number): Promise<number> => {
    const { losses } = await run.lossesOf(
      withScale(row, scale),
      (_, fraction) => onProgress((tried + fraction) / MOST_SCALES),
      domains,
    )
    tried++
    return mean(losses.map((own) => mean(own.map(mean))))
  }
  const lossOrInfinity = async (scale: number): Promise<number> => {
    try {
      return await lossOf(scale)
    } catch (error) {
      // A merge that is ruined by its scale is a bad one, not the end of the search.
      if (toErrorReport(error).kind === 'not-finite') return Infinity
      throw error
    }
  }
  const start = Number(parameterValue(parameter, merge.method))
  const { range } = parameter as NumberParameter
  const { scale } = await searchScale(start, lossOrInfinity, (value) => value >= range.min && value <= range.max)
  return withScale(row, scale)
}

/**
 * Works on rows one after the other. One that fails is told and left out, unless it is the base, or what happened would
 * happen to every other row.
 */
export async function forEachRow<Row extends Pick<EvaluatedRow, 'name' | 'role'>>(
  rows: readonly Row[],
  work: (row: Row, index: number) => Promise<void>,
  onFailed?: RowNews['onFailed'],
): Promise<void> {
  for (const [index, row] of rows.entries()) {
    try {
      await work(row, index)
    } catch (error) {
      const report = toErrorReport(error)
      if (row.role === 'base' || stopsAll(error, report)) throw error
      onFailed?.(row.name, report)
    }
  }
}

/** Whether what happened to one row would happen to every other one. */
function stopsAll(error: unknown, { kind }: ErrorReport): boolean {
  const fatal: readonly ErrorKind[] = ['cancelled', 'device', 'out-of-memory']
  return error instanceof NotMeasured || error instanceof NotKept || fatal.includes(kind)
}
