import { guidanceSchema, stepsSchema } from '../contract/limits'
import type { PngSettings } from '../contract/preview'
import { parseSeed, seedOf } from '../contract/seed'
import { readParameters } from '../engine/image/png'
import { SCHEDULER_NAMES } from '../engine/schedulers/index'

/** A1111's samplers, and diffusers' classes that this program's own command line may have named; in lower case. */
const SAMPLERS: Readonly<Record<string, string>> = {
  plms: 'pndm',
  'euler a': 'euler-ancestral',
  'dpm++ 2m': 'dpmpp-2m',
  'dpm++ 2m sde': 'dpmpp-2m-sde',
  'dpm++ sde': 'dpmpp-sde',
  ddimscheduler: 'ddim',
  ddpmscheduler: 'ddpm',
  pndmscheduler: 'pndm',
  lmsdiscretescheduler: 'lms',
  eulerdiscretescheduler: 'euler',
  eulerancestraldiscretescheduler: 'euler-ancestral',
  heundiscretescheduler: 'heun',
  dpmsolversdescheduler: 'dpmpp-sde',
  unipcmultistepscheduler: 'unipc',
  lcmscheduler: 'lcm',
}
/** A1111's schedule types, which older versions write behind the sampler's name. */
const SCHEDULE = /\s+(karras|exponential|polyexponential)$/i
/** They leave the noise levels as the model has them. */
const OWN_SCHEDULES = ['automatic', 'uniform', 'normal']

/**
 * What the field's `parameters` text in a PNG says; null where there is none. A number that a project cannot have is as
 * if it were not there.
 * @throws FusionError 'malformed' for what is no PNG
 */
export function readPngSettings(bytes: Uint8Array): PngSettings | null {
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
    scheduler: sampler === null ? null : schedulerOf(sampler),
    sampler,
    schedule: schedule !== null && OWN_SCHEDULES.includes(schedule.toLowerCase()) ? null : schedule,
  }
}

/** This program's name of a sampler; null for one that it does not have. */
function schedulerOf(sampler: string): string | null {
  const name = sampler.replace(SCHEDULE, '').trim().toLowerCase()
  if (SCHEDULER_NAMES.includes(name)) return name
  return Object.hasOwn(SAMPLERS, name) ? SAMPLERS[name]! : null
}
