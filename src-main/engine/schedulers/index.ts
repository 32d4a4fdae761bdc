import { FusionError } from '../../contract/errors'
import type { SchedulerConfig } from './shared/config'
import { DDIMScheduler } from './ddim'
import { DDPMScheduler } from './ddpm'
import { DEISMultistepScheduler } from './deis-multistep'
import { DPMSolverMultistepScheduler } from './dpmsolver-multistep'
import { DPMSolverSDEScheduler } from './dpmsolver-sde'
import { DPMSolverSinglestepScheduler } from './dpmsolver-singlestep'
import { EulerAncestralDiscreteScheduler } from './euler-ancestral-discrete'
import { EulerDiscreteScheduler } from './euler-discrete'
import { HeunDiscreteScheduler } from './heun-discrete'
import { KDPM2AncestralDiscreteScheduler } from './k-dpm-2-ancestral-discrete'
import { KDPM2DiscreteScheduler } from './k-dpm-2-discrete'
import { LCMScheduler } from './lcm'
import { LMSDiscreteScheduler } from './lms-discrete'
import { PNDMScheduler } from './pndm'
import type { RunOptions, Scheduler } from './shared/scheduler'
import { UniPCMultistepScheduler } from './unipc-multistep'

export { parseSchedulerConfig, type SchedulerConfig } from './shared/config'
export type { RunOptions, Scheduler, StepOptions } from './shared/scheduler'

/** By diffusers' class names. */
const SCHEDULERS = {
  DDIMScheduler,
  DDPMScheduler,
  DEISMultistepScheduler,
  DPMSolverMultistepScheduler,
  DPMSolverSDEScheduler,
  DPMSolverSinglestepScheduler,
  EulerAncestralDiscreteScheduler,
  EulerDiscreteScheduler,
  HeunDiscreteScheduler,
  KDPM2AncestralDiscreteScheduler,
  KDPM2DiscreteScheduler,
  LCMScheduler,
  LMSDiscreteScheduler,
  PNDMScheduler,
  UniPCMultistepScheduler,
} satisfies Record<string, new (config: SchedulerConfig, run: RunOptions) => Scheduler>

export type SchedulerClassName = keyof typeof SCHEDULERS

/** The command line's names, and what each changes in the model's own config. */
const COMMAND_LINE_NAMES: Readonly<Record<string, { className: SchedulerClassName; config?: SchedulerConfig }>> = {
  ddim: { className: 'DDIMScheduler' },
  ddpm: { className: 'DDPMScheduler' },
  pndm: { className: 'PNDMScheduler' },
  lms: { className: 'LMSDiscreteScheduler' },
  euler: { className: 'EulerDiscreteScheduler' },
  'euler-ancestral': { className: 'EulerAncestralDiscreteScheduler' },
  heun: { className: 'HeunDiscreteScheduler' },
  'dpmpp-2m': { className: 'DPMSolverMultistepScheduler', config: { algorithm_type: 'dpmsolver++' } },
  'dpmpp-2m-sde': { className: 'DPMSolverMultistepScheduler', config: { algorithm_type: 'sde-dpmsolver++' } },
  'dpmpp-sde': { className: 'DPMSolverSDEScheduler' },
  unipc: { className: 'UniPCMultistepScheduler' },
  lcm: { className: 'LCMScheduler' },
}

/** Names for `--scheduler`, besides diffusers' class names. */
export const SCHEDULER_NAMES = Object.keys(COMMAND_LINE_NAMES)

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
      hint: `Choose one of ${SCHEDULER_NAMES.join(', ')}, or of diffusers' ${Object.keys(SCHEDULERS).join(', ')}.`,
    })
  }
  return new SCHEDULERS[className](config, run)
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
  const named = name !== undefined && Object.hasOwn(COMMAND_LINE_NAMES, name) ? COMMAND_LINE_NAMES[name] : undefined
  const className = named?.className ?? name ?? modelConfig['_class_name']
  if (typeof className !== 'string') {
    throw new FusionError('malformed', 'The scheduler_config.json names no _class_name.', {
      hint: `Choose a scheduler by name: ${SCHEDULER_NAMES.join(', ')}.`,
    })
  }
  const config = { ...modelConfig, ...named?.config }
  if (sigmas === 'default') return { className, config }
  if (isSchedulerClassName(className) && !SCHEDULERS_WITH_SIGMAS.includes(className)) {
    throw new FusionError('unsupported', `${className} cannot use ${sigmas} sigmas.`, {
      hint: `Choose --sigmas default, or one of ${SCHEDULERS_WITH_SIGMAS.join(', ')}.`,
    })
  }
  const spread = { use_karras_sigmas: sigmas === 'karras', use_exponential_sigmas: sigmas === 'exponential' }
  return { className, config: { ...config, ...spread, use_beta_sigmas: false, use_lu_lambdas: false } }
}

const SCHEDULERS_WITH_SIGMAS: readonly SchedulerClassName[] = [
  'DEISMultistepScheduler',
  'DPMSolverMultistepScheduler',
  'DPMSolverSDEScheduler',
  'DPMSolverSinglestepScheduler',
  'EulerDiscreteScheduler',
  'HeunDiscreteScheduler',
  'KDPM2AncestralDiscreteScheduler',
  'KDPM2DiscreteScheduler',
  'LMSDiscreteScheduler',
  'UniPCMultistepScheduler',
]

function isSchedulerClassName(name: string): name is SchedulerClassName {
  return Object.hasOwn(SCHEDULERS, name)
}
