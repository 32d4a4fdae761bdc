import type { Architecture, Component } from '../model/checkpoint'
import { headCount, Shapes } from './shapes'

/** The config.json of a CLIP text encoder; null where the tensors are of none. */
export function inferTextEncoderConfig(
  component: Component,
  architecture: Architecture,
): Record<string, unknown> | null {
  const shapes = new Shapes(component)
  if (!shapes.has('text_model.embeddings.token_embedding.weight')) return null
  const { name } = component
  const width = shapes.size('text_model.embeddings.token_embedding.weight', 1)
  const openClip = name === 'text_encoder_2' || architecture.startsWith('sd2')
  const projection = shapes.size('text_projection.weight', 0)
  return {
    architectures: [projection > 0 ? 'CLIPTextModelWithProjection' : 'CLIPTextModel'],
    bos_token_id: 0,
    eos_token_id: 2, // as published; transformers then takes the largest id as the end
    hidden_act: openClip ? 'gelu' : 'quick_gelu',
    hidden_size: width,
    intermediate_size: shapes.size('text_model.encoder.layers.0.mlp.fc1.weight', 0),
    layer_norm_eps: 1e-5,
    max_position_embeddings: shapes.size('text_model.embeddings.position_embedding.weight', 0),
    model_type: 'clip_text_model',
    num_attention_heads: headCount(width),
    num_hidden_layers: shapes.count('text_model.encoder.layers'),
    pad_token_id: 1,
    projection_dim: projection || (openClip ? 512 : width),
    vocab_size: shapes.size('text_model.embeddings.token_embedding.weight', 0),
  }
}
