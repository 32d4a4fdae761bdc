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
import { UniPCMultistepScheduler } from './unipc-multistep'
import type { SchedulerConfig } from './shared/config'
import type { RunOptions, Scheduler } from './shared/scheduler'

/** How people name a scheduler. One class of diffusers is several where its config makes it so. */
export interface SchedulerChoice {
  /** For the command line and in projects. */
  readonly name: string
  readonly title: string
  /** What other programs (A1111's web UI) call it in the PNGs that they write, where that is not the title. */
  readonly otherNames?: readonly string[]
  /** What it changes in the model's own config. */
  readonly config?: SchedulerConfig
}

interface SchedulerEntry {
  readonly class: new (config: SchedulerConfig, run: RunOptions) => Scheduler
  /** Whether `use_karras_sigmas` and `use_exponential_sigmas` are among its config keys. */
  readonly spreadsSigmas: boolean
  /** None: chosen by the class name alone. */
  readonly choices: readonly SchedulerChoice[]
}

/** Every scheduler, by diffusers' class name; choices in the order in which they are shown. */
export const SCHEDULERS = {
  DDIMScheduler: { class: DDIMScheduler, spreadsSigmas: false, choices: [{ name: 'ddim', title: 'DDIM' }] },
  DDPMScheduler: { class: DDPMScheduler, spreadsSigmas: false, choices: [{ name: 'ddpm', title: 'DDPM' }] },
  PNDMScheduler: {
    class: PNDMScheduler,
    spreadsSigmas: false,
    choices: [{ name: 'pndm', title: 'PNDM', otherNames: ['PLMS'] }],
  },
  LMSDiscreteScheduler: { class: LMSDiscreteScheduler, spreadsSigmas: true, choices: [{ name: 'lms', title: 'LMS' }] },
  EulerDiscreteScheduler: {
    class: EulerDiscreteScheduler,
    spreadsSigmas: true,
    choices: [{ name: 'euler', title: 'Euler' }],
  },
  EulerAncestralDiscreteScheduler: {
    class: EulerAncestralDiscreteScheduler,
    spreadsSigmas: false,
    choices: [{ name: 'euler-ancestral', title: 'Euler ancestral', otherNames: ['Euler a'] }],
  },
  HeunDiscreteScheduler: {
    class: HeunDiscreteScheduler,
    spreadsSigmas: true,
    choices: [{ name: 'heun', title: 'Heun' }],
  },
  DPMSolverMultistepScheduler: {
    class: DPMSolverMultistepScheduler,
    spreadsSigmas: true,
    choices: [
      { name: 'dpmpp-2m', title: 'DPM++ 2M', config: { algorithm_type: 'dpmsolver++' } },
      { name: 'dpmpp-2m-sde', title: 'DPM++ 2M SDE', config: { algorithm_type: 'sde-dpmsolver++' } },
    ],
  },
  DPMSolverSDEScheduler: {
    class: DPMSolverSDEScheduler,
    spreadsSigmas: true,
    choices: [{ name: 'dpmpp-sde', title: 'DPM++ SDE' }],
  },
  UniPCMultistepScheduler: {
    class: UniPCMultistepScheduler,
    spreadsSigmas: true,
    choices: [{ name: 'unipc', title: 'UniPC' }],
  },
  LCMScheduler: { class: LCMScheduler, spreadsSigmas: false, choices: [{ name: 'lcm', title: 'LCM' }] },
  DEISMultistepScheduler: { class: DEISMultistepScheduler, spreadsSigmas: true, choices: [] },
  DPMSolverSinglestepScheduler: { class: DPMSolverSinglestepScheduler, spreadsSigmas: true, choices: [] },
  KDPM2AncestralDiscreteScheduler: { class: KDPM2AncestralDiscreteScheduler, spreadsSigmas: true, choices: [] },
  KDPM2DiscreteScheduler: { class: KDPM2DiscreteScheduler, spreadsSigmas: true, choices: [] },
} as const satisfies Record<string, SchedulerEntry>
