import { guidanceSchema, stepsSchema } from '../../contract/values/limits'
import type { PngSettings } from '../../contract/preview'
import { parseSeed, seedOf } from '../../contract/values/seed'
import { readParameters } from '../../engine/image/png'
import { schedulerOfSampler } from '../../engine/schedulers/index'

/** A1111's schedule types, which older versions write behind the sampler's name. */
const SCHEDULE = /\s+(karras|exponential|polyexponential)$/i
/** They leave the noise levels as the model has them. */
const OWN_SCHEDULES = ['automatic', 'uniform', 'normal']

/**
 * What the field's `parameters` text in a PNG says; null where there is none. A number that a project cannot have is as
 * if it were not there.
 * @throws FusionError 'malformed' for what is no PNG
 */
export function readPngSettings(bytes: Uint8Array): Omit<PngSettings, 'merge' | 'missing'> | null {
  const parameters = readParameters(bytes)
  if (!parameters) return null
  const { prompt, negativePrompt, settings } = parameters
  const numberOf = (key: string, fits: (value: number) => boolean): number | null => {
    const value = Number(settings.get(key) ?? NaN)
    return fits(value) ? value : null
  }
  const seed = parseSeed(settings.get('Seed') ?? '')
  const sampler = settings.get('Sampler') ?? null
  const schedule = settings.get('Schedule type') ?? SCHEDULE.exec(sampler ?? '')?.[1] ?? null
  return {
    prompt,
    negativePrompt,
    seed: seed === null ? null : seedOf(seed),
    steps: numberOf('Steps', (value) => stepsSchema.safeParse(value).success),
    guidance: numberOf('CFG scale', (value) => guidanceSchema.safeParse(value).success),
    scheduler: schedulerOfSampler((sampler ?? '').replace(SCHEDULE, '').trim()) ?? null,
    sampler,
    schedule: schedule !== null && OWN_SCHEDULES.includes(schedule.toLowerCase()) ? null : schedule,
  }
}
