import { expect, it } from 'vitest'
import { trainingAlphas } from '../../../../../src-main/engine/evaluate/losses/denoising-loss'

const STABLE_DIFFUSION = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' }

/** `alphas_cumprod` of diffusers 0.42.1 at the timesteps 50, 550 and 950 (0, 1 and 2 of three). */
it.each([
  [{ _class_name: 'DDIMScheduler', rescale_betas_zero_snr: true }, [0.9481353, 0.1790722, 0.0005857132]],
  [
    { _class_name: 'DDPMScheduler', rescale_betas_zero_snr: true, beta_schedule: 'linear' },
    [0.9417659, 0.09700089, 0.0001924899],
  ],
  [{ _class_name: 'EulerDiscreteScheduler', rescale_betas_zero_snr: true }, [0.9481353, 0.1790722, 0.0005857132]],
  // PNDM has no such key.
  [{ _class_name: 'PNDMScheduler', rescale_betas_zero_snr: true }, [0.9515767, 0.2139379, 0.008247107]],
  [{ _class_name: 'DDIMScheduler', beta_schedule: 'squaredcos_cap_v2' }, [0.9917247, 0.4147754, 0.005820148]],
  [{ _class_name: 'DDPMScheduler', beta_schedule: 'sigmoid' }, [0.9557142, 0.2369837, 0.002832637]],
  [{ _class_name: 'DDPMScheduler', beta_schedule: 'laplace' }, [0.8710294, 0.6978838, 0.4885216]],
  [{ _class_name: 'DDIMScheduler', trained_betas: [0.1, 0.2, 0.3], num_train_timesteps: 3 }, [0.9, 0.72, 0.504]],
])('an evaluation has the noise schedule of %j', (config, expected) => {
  const alphas = trainingAlphas({ ...STABLE_DIFFUSION, ...config })
  const places = alphas.length === 3 ? [0, 1, 2] : [50, 550, 950]
  places.forEach((place, index) => expect(Math.abs(alphas[place]! / expected[index]! - 1)).toBeLessThan(1e-5))
})
