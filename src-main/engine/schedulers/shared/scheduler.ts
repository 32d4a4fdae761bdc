/** What a step may need besides the sample. */
export interface StepOptions {
  /** N(0, 1) of the sample's size; needed where `drawsNoise` says so. */
  noise?: Float32Array
  /** Number of images in the sample (default 1); dynamic thresholding is per image. */
  batchSize?: number
}

/**
 * A schedule of one sampling run and the solver's memory of it: one object per run. Iterations are run in order, from 0
 * or (image to image) from any later one. Formulas, names and rounding follow diffusers' class of the same name.
 */
export interface Scheduler {
  /** What the model is given as its timestep, one number per iteration; not always integers. */
  readonly timesteps: readonly number[]
  /** Noise levels, float32, in diffusers' layout; null for schedulers that work with alphas. */
  readonly sigmas: Float32Array | null
  /** The factor of the N(0, 1) latents that a run from pure noise starts with. */
  readonly initNoiseSigma: number
  /** Iterations per inference step (2 for Heun and its kind); image to image starts at a multiple of it. */
  readonly order: number

  /** The sample as the model wants it at that iteration. */
  scaleModelInput(sample: Float32Array, iteration: number): Float32Array

  /** Whether `step` needs `noise` at that iteration; drawn from the generator after the model ran, as diffusers does. */
  drawsNoise(iteration: number): boolean

  /** The sample of the next iteration. */
  step(modelOutput: Float32Array, iteration: number, sample: Float32Array, options?: StepOptions): Float32Array

  /** A clean sample as it looks at the start of that iteration. */
  addNoise(sample: Float32Array, noise: Float32Array, iteration: number): Float32Array

  /**
   * Only for schedulers whose draws are increments of one Brownian path: between which two sigmas this iteration's
   * lies. All others draw independent noise.
   */
  brownianInterval?(iteration: number): readonly [from: number, to: number]
}

/** What a run chooses besides the scheduler's config. */
export interface RunOptions {
  /** Number of inference steps, at least 1 and at most the training timesteps. */
  steps: number
  /** DDIM's eta (0: deterministic); other schedulers have none. */
  eta?: number
}
