import { denoiserName, denoiserNamed } from '../denoisers'
import type { Architecture, Checkpoint, ComponentName } from '../model/checkpoint'
import { ARCHITECTURES } from '../identify/architectures'
import type { Identity } from '../identify/prediction'

const ABSENT = [null, null]

/** The noise schedule of every Stable Diffusion, as its published scheduler_config.json has it. */
const NOISE_SCHEDULE = {
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  beta_start: 0.00085,
  clip_sample: false,
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  steps_offset: 1,
  trained_betas: null,
}

/**
 * Keys of a scheduler for a model whose training ended at no signal. Such models were trained to begin at the last
 * timestep, which leading spacing leaves out.
 */
export const ZERO_TERMINAL_SNR = { rescale_betas_zero_snr: true, timestep_spacing: 'trailing' } as const

/**
 * The scheduler_config.json of an architecture's published pipeline (PNDM; DDIM for Stable Diffusion 2 v; Euler for
 * SDXL), with the prediction type and the zero terminal signal-to-noise ratio that the checkpoint's markers state.
 */
export function publishedScheduler({
  architecture,
  predictionType,
  stated: { zeroTerminalSnr: zeroSnr },
}: Identity): Record<string, unknown> {
  const prediction = predictionType === null ? {} : { prediction_type: predictionType }
  if (architecture.startsWith('sdxl')) {
    return {
      _class_name: 'EulerDiscreteScheduler',
      ...NOISE_SCHEDULE,
      interpolation_type: 'linear',
      ...prediction,
      sample_max_value: 1,
      skip_prk_steps: true,
      timestep_spacing: 'leading',
      ...(zeroSnr && ZERO_TERMINAL_SNR),
      use_karras_sigmas: false,
    }
  }
  if (architecture === 'sd1-pix2pix')
    return { _class_name: 'EulerAncestralDiscreteScheduler', ...NOISE_SCHEDULE, ...prediction }
  // PNDM knows no zero terminal signal-to-noise ratio.
  const name = architecture === 'sd2-v' || zeroSnr ? 'DDIMScheduler' : 'PNDMScheduler'
  return {
    _class_name: name,
    ...NOISE_SCHEDULE,
    ...prediction,
    skip_prk_steps: true,
    ...(zeroSnr && ZERO_TERMINAL_SNR),
  }
}

/** The model_index.json of a checkpoint of a known architecture; what it lacks is listed as absent. */
export function publishedModelIndex(checkpoint: Checkpoint): Record<string, unknown> {
  const { components, architecture } = checkpoint
  const denoiser = denoiserNamed(denoiserName(checkpoint))
  const entry = (name: ComponentName, library: string, className: string): [string, unknown] => [
    name,
    components.has(name) ? [library, className] : ABSENT,
  ]
  const textEncoder = (name: ComponentName): [string, unknown] => {
    const classes = components.get(name)?.config?.['architectures']
    return entry(name, 'transformers', Array.isArray(classes) ? String(classes[0]) : 'CLIPTextModel')
  }
  const xl = architecture.startsWith('sdxl')
  const encoders: ComponentName[] = xl ? ['text_encoder', 'text_encoder_2'] : ['text_encoder']
  const refiner = architecture === 'sdxl-refiner'
  return {
    _class_name: ARCHITECTURES[architecture].pipelineClass,
    ...(xl
      ? { force_zeros_for_empty_prompt: !refiner, ...(refiner && { requires_aesthetics_score: true }) }
      : { feature_extractor: ABSENT, requires_safety_checker: false, safety_checker: ABSENT }),
    scheduler: ['diffusers', publishedScheduler(checkpoint)['_class_name']],
    ...Object.fromEntries([
      ...encoders.map(textEncoder),
      ...encoders.map((name) => [
        tokenizerFolder(name),
        components.has(name) ? ['transformers', 'CLIPTokenizer'] : ABSENT,
      ]),
      entry(denoiser.component, 'diffusers', denoiser.className),
      entry('vae', 'diffusers', 'AutoencoderKL'),
    ]),
  }
}

/** Where a pipeline keeps the tokenizer of a text encoder. */
export function tokenizerFolder(encoder: ComponentName): string {
  return encoder === 'text_encoder_2' ? 'tokenizer_2' : 'tokenizer'
}

/** The token that fills a prompt up: OpenCLIP's encoders (Stable Diffusion 2, the second of SDXL) were trained with `!`. */
export function paddingToken(encoder: ComponentName, architecture: Architecture): string {
  return encoder === 'text_encoder_2' || architecture.startsWith('sd2') ? '!' : '<|endoftext|>'
}
