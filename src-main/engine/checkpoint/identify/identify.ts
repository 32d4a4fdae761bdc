import { denoiserNamed, denoiserOf } from '../denoisers'
import type { Architecture, Component, ComponentName, OpenedParts, PredictionType } from '../model/checkpoint'
import { statedPrediction, type Identity } from './prediction'

/** Architecture and prediction type, from shapes, configs, metadata and marker tensors. */
export function identify(parts: OpenedParts): Identity {
  const family = architectureOf(parts.components)
  const stated = statedPrediction(parts)
  const predictionType = stated.edm ? null : (stated.type ?? defaultPrediction(family))
  const architecture = family === 'sd2' && predictionType === 'v_prediction' ? 'sd2-v' : family
  return { architecture, predictionType, stated }
}

/** The architecture that the shapes of a checkpoint's denoiser tell. */
export function architectureOf(components: ReadonlyMap<ComponentName, Component>): Architecture {
  const denoiser = denoiserOf({ components })
  return denoiser ? denoiserNamed(denoiser.name).architectureOf(denoiser) : 'unknown'
}

/** What all published models of a family predict; Stable Diffusion 2 has models of both kinds. */
function defaultPrediction(architecture: Architecture): PredictionType | null {
  return architecture === 'unknown' || architecture === 'sd2' ? null : 'epsilon'
}
