import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findGoldenFolders } from '../../../golden-runner/golden-set'
import { TorchGenerator } from '../../../../src-main/engine/random'
import {
  chooseScheduler,
  createScheduler,
  parseSchedulerConfig,
  schedulerOfSampler,
  SIGMA_CHOICES,
  type SchedulerConfig,
} from '../../../../src-main/engine/schedulers'
import { betaQuantile } from '../../../../src-main/engine/schedulers/shared/beta-distribution'
import { noiseSource } from '../../../../src-main/engine/schedulers/shared/noise'
import { SCHEDULERS, type SchedulerChoice } from '../../../../src-main/engine/schedulers/table'

// Traces against diffusers are goldens (tests/golden-runner); here: what holds for every setting.
const SD1: SchedulerConfig = {
  _class_name: 'PNDMScheduler',
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  clip_sample: false,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
}
const ENTRIES = Object.entries(SCHEDULERS)
const CHOICES: readonly SchedulerChoice[] = ENTRIES.flatMap(([, { choices }]) => [...choices])
/** Every scheduler once: by its names, or by its class where it has none. */
const CLASSES = ENTRIES.flatMap(([className, { choices }]) =>
  choices.length === 0 ? [className] : choices.map(({ name }) => name),
)

describe('the table of schedulers', () => {
  it.each(ENTRIES)('has diffusers’ class under its own name: %s', (className, entry) => {
    expect(entry.class.name).toBe(className)
  })

  it.each(ENTRIES)('says whether the noise levels of %s can be spread otherwise', (className, { spreadsSigmas }) => {
    const config = { ...SD1, algorithm_type: 'dpmsolver++' }
    const own = createScheduler(className, config, { steps: 9 })
    for (const sigmas of SIGMA_CHOICES.filter((choice) => choice !== 'default')) {
      const spread = createScheduler(className, { ...config, [`use_${sigmas}_sigmas`]: true }, { steps: 9 })
      expect(spread.timesteps.join() !== own.timesteps.join()).toBe(spreadsSigmas)
      const choose = () => chooseScheduler(SD1, className, sigmas)
      if (spreadsSigmas) expect(choose()).toMatchObject({ className })
      else expect(choose).toThrow(sigmas)
    }
  })

  it('has every name once', () => {
    const names = CHOICES.flatMap(({ name, title, otherNames = [] }) => [
      ...new Set([name, title.toLowerCase(), ...otherNames.map((other) => other.toLowerCase())]),
    ])
    expect(names).toEqual([...new Set(names)])
  })

  it('has reference data for each', () => {
    const traced = findGoldenFolders('tests/golden').flatMap((folder) => {
      const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as {
        cases: { op: string; params: { class?: string } }[]
      }
      return manifest.cases.flatMap(({ op, params }) => (op === 'scheduler' ? [params.class] : []))
    })
    expect(ENTRIES.map(([className]) => className).filter((className) => !traced.includes(className))).toEqual([])
  })

  it.each(CHOICES)('is found in pictures as $name and $title', ({ name, title, otherNames = [] }) => {
    for (const known of [name, title, ...otherNames]) expect(schedulerOfSampler(known.toUpperCase())).toBe(name)
  })

  it('is found in pictures by diffusers’ class where that is one scheduler', () => {
    expect(schedulerOfSampler('EulerAncestralDiscreteScheduler')).toBe('euler-ancestral')
    expect(schedulerOfSampler('DPMSolverMultistepScheduler')).toBeUndefined()
    expect(schedulerOfSampler('DEISMultistepScheduler')).toBeUndefined()
    expect(schedulerOfSampler('')).toBeUndefined()
  })
})

/** A whole run whose model always means the clean sample `target`. */
function sampleTowards(target: Float32Array, className: string, config: SchedulerConfig, steps: number) {
  const run = createScheduler(className, { ...config, prediction_type: 'sample' }, { steps })
  const generator = new TorchGenerator(1)
  const noise = noiseSource(run, target.length, generator)
  let sample: Float32Array = generator.randn(target.length).map((x) => x * run.initNoiseSigma)
  run.timesteps.forEach((_, i) => {
    const drawn = noise(i)
    sample = run.step(target, i, sample, drawn ? { noise: drawn } : {})
  })
  return sample
}

describe('every scheduler', () => {
  const names = CLASSES.filter(
    (name) =>
      !['pndm', 'euler-ancestral', 'dpmpp-sde', 'KDPM2DiscreteScheduler', 'KDPM2AncestralDiscreteScheduler'].includes(
        name,
      ),
  )

  it.each(names)('%s ends at the sample that the model predicts throughout', (name) => {
    const { className, config } = chooseScheduler(SD1, name)
    const target = Float32Array.of(0.5, -0.25, 0.9, 0)
    const steps = fc.integer({ min: 2, max: 40 })
    fc.assert(
      fc.property(steps, (count) => {
        const result = sampleTowards(
          target,
          className,
          { ...config, set_alpha_to_one: true, clip_sample: false },
          count,
        )
        // DDIM's, DDPM's, LCM's and DEIS' last step keeps the noise of the first training timestep.
        result.forEach((x, i) => expect(Math.abs(x - target[i]!)).toBeLessThan(0.25))
      }),
      { numRuns: 10 },
    )
  })

  it.each(CLASSES)('%s has descending timesteps within training, and finite samples', (name) => {
    const { className, config } = chooseScheduler(SD1, name)
    for (const steps of [1, 2, 7, 30]) {
      const run = createScheduler(className, config, { steps, eta: 1 })
      const noise = noiseSource(run, 16, new TorchGenerator(steps))
      let sample: Float32Array = new TorchGenerator(3).randn(16).map((x) => x * run.initNoiseSigma)
      run.timesteps.forEach((timestep, i) => {
        expect(timestep).toBeGreaterThanOrEqual(0)
        expect(timestep).toBeLessThan(1000)
        expect(timestep).toBeLessThanOrEqual(run.timesteps[Math.max(0, i - 1)]!)
        const output = run.scaleModelInput(sample, i).map((x) => 0.3 * x)
        const drawn = noise(i)
        sample = run.step(output, i, sample, drawn ? { noise: drawn } : {})
      })
      expect(sample.every(Number.isFinite)).toBe(true)
    }
  })

  it.each(CLASSES)('%s refuses impossible numbers of steps and unknown settings by name', (name) => {
    const { className, config } = chooseScheduler(SD1, name)
    for (const steps of [0, -1, 1.5, NaN, 1001]) {
      expect(() => createScheduler(className, config, { steps })).toThrow(/steps/)
    }
    const create = (change: SchedulerConfig) => () => createScheduler(className, { ...config, ...change }, { steps: 9 })
    expect(create({ beta_schedule: 'square' })).toThrow(/beta_schedule/)
    expect(create({ prediction_type: 'flow_prediction' })).toThrow(/prediction_type/)
    expect(create({ beta_start: '1' })).toThrow(/beta_start/)
    expect(create({ num_train_timesteps: 1e12 })).toThrow(/num_train_timesteps/)
    expect(create({ some_other_class_key: true, thresholding: null })).not.toThrow()
  })

  it('takes any values of its keys without another error than its own', () => {
    const keys = [
      'prediction_type',
      'timestep_spacing',
      'solver_order',
      'algorithm_type',
      'steps_offset',
      'trained_betas',
    ]
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom('leading', 'trailing', 3, 'dpmsolver', 'sample', -1, 1e9))
    const change = fc.dictionary(fc.constantFrom(...keys), value)
    fc.assert(
      fc.property(fc.constantFrom(...CLASSES), change, fc.integer({ min: -1, max: 30 }), (name, given, steps) => {
        const { className } = chooseScheduler(SD1, name)
        try {
          createScheduler(className, { ...SD1, ...given }, { steps })
        } catch (error) {
          expect((error as Error).name).toBe('FusionError')
        }
      }),
    )
  })
})

/** DPMSolverMultistepScheduler of diffusers 0.42.1 with six steps; without rounding the ends must be exact. */
it.each([
  ['squaredcos_cap_v2', [999, 998, 986, 759, 73, 0], [20291.3, 1017.3, 51.0026, 2.55702, 0.128196, 0.00642711, 0]],
  ['scaled_linear', [999, 757, 413, 103, 11, 0], [14.6146, 4.21513, 1.21572, 0.350635, 0.101129, 0.0291675, 0]],
])("Lu's λ begin at the last timestep: %s", (beta_schedule, timesteps, sigmas) => {
  const config = { ...SD1, beta_schedule, use_lu_lambdas: true }
  const run = createScheduler('DPMSolverMultistepScheduler', config, { steps: 6 })
  expect(run.timesteps).toEqual(timesteps)
  sigmas.forEach((sigma, i) => expect(Math.abs(run.sigmas![i]! - sigma)).toBeLessThanOrEqual(1e-5 * sigma))
})

describe('chooseScheduler', () => {
  it('follows the model without a name, and names and sigmas where given', () => {
    expect(chooseScheduler(SD1)).toEqual({ className: 'PNDMScheduler', config: SD1 })
    expect(chooseScheduler(SD1, 'dpmpp-2m-sde', 'karras')).toMatchObject({
      className: 'DPMSolverMultistepScheduler',
      config: { algorithm_type: 'sde-dpmsolver++', use_karras_sigmas: true, steps_offset: 1 },
    })
    expect(chooseScheduler(SD1, 'HeunDiscreteScheduler').className).toBe('HeunDiscreteScheduler')
    expect(() => chooseScheduler(SD1, 'ddim', 'karras')).toThrow(/karras/)
    expect(() => createScheduler('toString', SD1, { steps: 5 })).toThrow(/toString/)
  })

  it('reads the -Infinity that Python writes', () => {
    expect(parseSchedulerConfig('{"lambda_min_clipped": -Infinity, "a": "x: -Infinity"}', 'f')).toMatchObject({
      lambda_min_clipped: null,
    })
    expect(() => parseSchedulerConfig('[]', 'scheduler_config.json')).toThrow(/scheduler_config/)
    expect(() => parseSchedulerConfig('{', 'scheduler_config.json')).toThrow(/scheduler_config/)
  })
})

describe('the Brownian noise of DPM++ SDE', () => {
  it('has unit variance, and the correlation that overlapping stretches have', () => {
    const run = createScheduler('DPMSolverSDEScheduler', SD1, { steps: 5 })
    const noise = noiseSource(run, 20_000, new TorchGenerator(5))
    const [first, second, third] = [noise(0)!, noise(1)!, noise(2)!]
    const product = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0) / a.length
    const [from, middle] = run.brownianInterval!(0)
    const [, to] = run.brownianInterval!(1)
    for (const values of [first, second, third]) expect(product(values, values)).toBeCloseTo(1, 1)
    expect(product(first, second)).toBeCloseTo(Math.sqrt((from - middle) / (from - to)), 1)
    expect(product(second, third)).toBeCloseTo(0, 1)
    expect(noiseSource(run, 20_000, new TorchGenerator(5))(0)).toEqual(first)
  })
})

describe('betaQuantile', () => {
  it('is symmetric, ascending, and uniform for a = 1', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (p) => {
        expect(betaQuantile(p, 1)).toBeCloseTo(p, 10)
        expect(betaQuantile(p, 0.6)).toBeCloseTo(1 - betaQuantile(1 - p, 0.6), 10)
      }),
    )
    // scipy.stats.beta.ppf(0.1, 0.6, 0.6)
    expect(betaQuantile(0.1, 0.6)).toBeCloseTo(0.03958441, 7)
  })
})
