/**
 * Components that predict noise, by their folder in a pipeline: a model has one of them, its denoiser. What each of them is
 * stands in engine/checkpoint/denoisers (files) and engine/architecture/denoiser-graphs.ts (its graph).
 */
export const DENOISER_COMPONENTS = ['unet'] as const
export type DenoiserComponent = (typeof DENOISER_COMPONENTS)[number]

/** Whether a component is a model's denoiser. */
export function isDenoiser(component: string): component is DenoiserComponent {
  return (DENOISER_COMPONENTS as readonly string[]).includes(component)
}
