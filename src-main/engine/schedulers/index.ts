import { FusionError } from '../../contract/errors'
import type { SchedulerConfig } from './shared/config'
import type { RunOptions, Scheduler } from './shared/scheduler'
import { SCHEDULERS, type SchedulerChoice } from './table'

export { parseSchedulerConfig, type SchedulerConfig } from './shared/config'
export type { RunOptions, Scheduler, StepOptions } from './shared/scheduler'

export type SchedulerClassName = keyof typeof SCHEDULERS

/** For messages. */
const CLASS_NAMES = (Object.keys(SCHEDULERS) as SchedulerClassName[]).sort()

const CHOICES: readonly (SchedulerChoice & { className: SchedulerClassName })[] = Object.entries(SCHEDULERS).flatMap(
  ([className, { choices }]) =>
    choices.map((choice: SchedulerChoice) => ({ ...choice, className: className as SchedulerClassName })),
)

/** What people choose from, besides diffusers' class names. */
export const SCHEDULER_CHOICES: readonly Pick<SchedulerChoice, 'name' | 'title'>[] = CHOICES

/** Names for `--scheduler`, besides diffusers' class names. */
export const SCHEDULER_NAMES = CHOICES.map(({ name }) => name)

/** Choices for `--sigmas`; `default` leaves the model's config as it is. */
export const SIGMA_CHOICES = ['default', 'karras', 'exponential'] as const
export type SigmaChoice = (typeof SIGMA_CHOICES)[number]

/**
 * A scheduler for one run. `config` is the model's scheduler_config.json or any part of it; keys that it lacks take the
 * class's own defaults, as with diffusers' `from_config`.
 * @throws FusionError 'unsupported' for an unknown class or a setting that it does not have, 'malformed' for a value of
 * the wrong type, 'validation' for an impossible number of steps
 */
export function createScheduler(className: string, config: SchedulerConfig, run: RunOptions): Scheduler {
  if (!isSchedulerClassName(className)) {
    throw new FusionError('unsupported', `The scheduler ${className} is not supported.`, {
      hint: `Choose one of ${SCHEDULER_NAMES.join(', ')}, or of diffusers' ${CLASS_NAMES.join(', ')}.`,
    })
  }
  return new SCHEDULERS[className].class(config, run)
}

/**
 * Resolves `--scheduler` and `--sigmas` against the model's own config: class name and config for `createScheduler`.
 * Without a name the model's `_class_name` decides.
 */
export function chooseScheduler(
  modelConfig: SchedulerConfig,
  name?: string,
  sigmas: SigmaChoice = 'default',
): { className: string; config: SchedulerConfig } {
  const named = CHOICES.find((choice) => choice.name === name)
  const className = named?.className ?? name ?? modelConfig['_class_name']
  if (typeof className !== 'string') {
    throw new FusionError('malformed', 'The scheduler_config.json names no _class_name.', {
      hint: `Choose a scheduler by name: ${SCHEDULER_NAMES.join(', ')}.`,
    })
  }
  const config = { ...modelConfig, ...named?.config }
  if (sigmas === 'default') return { className, config }
  if (isSchedulerClassName(className) && !SCHEDULERS[className].spreadsSigmas) {
    const others = CLASS_NAMES.filter((other) => SCHEDULERS[other].spreadsSigmas)
    throw new FusionError('unsupported', `${className} cannot use ${sigmas} sigmas.`, {
      hint: `Choose --sigmas default, or one of ${others.join(', ')}.`,
    })
  }
  const spread = { use_karras_sigmas: sigmas === 'karras', use_exponential_sigmas: sigmas === 'exponential' }
  return { className, config: { ...config, ...spread, use_beta_sigmas: false, use_lu_lambdas: false } }
}

/**
 * The name of the scheduler that a picture's text calls `sampler`: by a name or title of this program's, by another
 * program's name, or by diffusers' class where that is one scheduler only; whatever the case of its letters.
 */
export function schedulerOfSampler(sampler: string): string | undefined {
  const wanted = sampler.toLowerCase()
  return CHOICES.find(({ name, title, otherNames = [], className }) => {
    const names = [name, title, ...otherNames, ...(SCHEDULERS[className].choices.length === 1 ? [className] : [])]
    return names.some((known) => known.toLowerCase() === wanted)
  })?.name
}

function isSchedulerClassName(name: string): name is SchedulerClassName {
  return Object.hasOwn(SCHEDULERS, name)
}
