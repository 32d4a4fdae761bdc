import type {
  CalibrationFile,
  CalibrationPlan,
  CalibrationSettings,
  CalibrationSource,
  PlannedCalibration,
} from '../../../src-main/contract/document/calibration'
import { countOf, listOf } from '../../shared/format'

/** At most this many domains are named; more are counted. */
const NAMED_DOMAINS = 3

/** What a model ran on. */
export function sourceWords(source: CalibrationSource): string {
  if (source.kind === 'data')
    return `${countOf(source.pictures, 'picture')} of ${domainWords(source.domains)}, with noise at ${timestepWords(source.timesteps)}`
  const { prompts, steps, scheduler, guidance } = source
  return `while drawing ${countOf(prompts.length, 'picture')} (${scheduler}, ${steps} steps, guidance ${guidance}): ${prompts.join(' · ')}`
}

/** What a model would run on. */
export function plannedWords({ name, use, pictures, domains, prompts }: PlannedCalibration, isBase: boolean): string {
  if (use === 'none') return 'left out'
  if (use === 'prompts')
    return prompts.length === 0 ? 'no prompts' : `while drawing ${countOf(prompts.length, 'picture')}`
  if (pictures === 0) return 'no pictures'
  const foreign = isBase || domains.includes(name) ? '' : ', no domain of its name'
  return `${countOf(pictures, 'training picture')} of ${domainWords(domains)}${foreign}`
}

function timestepWords(timesteps: readonly number[]): string {
  const count = countOf(timesteps.length, 'timestep')
  return timesteps.length > 0 ? `${count} from ${timesteps[0]} to ${timesteps.at(-1)}` : count
}

function domainWords(domains: readonly string[]): string {
  return domains.length > NAMED_DOMAINS ? countOf(domains.length, 'domain') : listOf(domains)
}

export interface Fit {
  state: 'fits' | 'stale' | 'unknown'
  words: string
}

/** Whether the calibration data still belong to the project's models. */
export function fitOf({ models, record }: Pick<CalibrationFile, 'models' | 'record'>): Fit {
  const recorded = new Set(record?.models.map(({ name }) => name))
  const named = (fit: CalibrationFile['models'][number]['fit'], isRecorded: boolean): string[] =>
    models.flatMap(({ name, needed, ...model }) =>
      model.fit === fit && recorded.has(name) === isRecorded && (isRecorded || needed) ? [name] : [],
    )
  const changed = named('changed', true)
  const absent = named('absent', false)
  const words = [
    changed.length > 0 ? `${listOf(changed)} ${changed.length === 1 ? 'has' : 'have'} changed since.` : '',
    absent.length > 0 ? `${listOf(absent)} ${absent.length === 1 ? 'was' : 'were'} not among the models.` : '',
  ].filter(Boolean)
  if (words.length > 0)
    return { state: 'stale', words: `${words.join(' ')} Collect the calibration data again before you merge.` }
  const unsure = [
    ...named('unknown', true).map((name) => `${name} may have changed since.`),
    ...named('unknown', false).map((name) => `None of the models had the name ${name}.`),
  ]
  if (unsure.length > 0) return { state: 'unknown', words: `${unsure.join(' ')} Hash the models to check.` }
  return { state: 'fits', words: 'The data fit the models.' }
}

/** Whether collecting again with these settings would give other data. */
export function asksForOther(
  { models, file }: CalibrationPlan,
  { samples, seed }: Pick<CalibrationSettings, 'samples' | 'seed'>,
): boolean {
  const record = file?.record
  if (!record) return false
  const wanted = models.filter(({ use }) => use !== 'none')
  return (
    record.samples !== samples ||
    record.seed !== seed ||
    wanted.some(({ name, use, pictures, timesteps, domains, prompts }) => {
      const source = record.models.find((model) => model.name === name)?.source
      if (source?.kind !== use) return true
      return source.kind === 'data'
        ? source.pictures !== pictures ||
            source.timesteps.join() !== timesteps.join() ||
            source.domains.join('\n') !== domains.join('\n')
        : source.prompts.join('\n') !== prompts.join('\n')
    })
  )
}
