import type { PngSettings } from '../contract/preview'
import { readParameters } from '../engine/diffusion/png'

/** What the field's `parameters` text in a PNG says; null where there is none, or no PNG. */
export function readPngSettings(bytes: Uint8Array): PngSettings | null {
  const parameters = readParameters(bytes)
  if (!parameters) return null
  const { prompt, negativePrompt, settings } = parameters
  const numberOf = (key: string): number | null => {
    const value = Number(settings.get(key) ?? NaN)
    return Number.isFinite(value) ? value : null
  }
  return {
    prompt,
    negativePrompt,
    seed: numberOf('Seed'),
    steps: numberOf('Steps'),
    guidance: numberOf('CFG scale'),
    scheduler: settings.get('Sampler') ?? null,
  }
}
