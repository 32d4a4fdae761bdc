import { readFloats } from '../containers/stored-values'
import type { Checkpoint, PredictionType } from '../model/checkpoint'

/** The bias whose spread tells (LDM: output_blocks.11.1.transformer_blocks.0.norm1.bias). */
const TELLING_BIAS = 'up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias'
/** Above this standard deviation it is that of a network which predicts v. */
const LEAST_SPREAD_OF_V = 0.09

/**
 * What a Stable Diffusion 2 is likely to predict where its file does not say it: ComfyUI's rule (supported_models.py,
 * SD20), found by its authors on the published models. A guess, which must be said.
 */
export function predictionOfWeights({ components }: Pick<Checkpoint, 'components'>): PredictionType {
  const bias = components.get('unet')?.tensors.get(TELLING_BIAS)
  return bias && standardDeviation(readFloats(bias.stored)) > LEAST_SPREAD_OF_V ? 'v_prediction' : 'epsilon'
}

function standardDeviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}
