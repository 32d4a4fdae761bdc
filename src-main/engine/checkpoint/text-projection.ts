import type { Checkpoint } from './model/checkpoint'

const TEXT_PROJECTION = 'text_projection.weight'

/**
 * What is wrong with SDXL's second text encoder without its projection, by which alone it serves pictures: some files of
 * text encoders lack it. Undefined where nothing is.
 */
export function missingProjection({ path, components }: Pick<Checkpoint, 'path' | 'components'>): string | undefined {
  const encoder = components.get('text_encoder_2')
  if (!encoder || encoder.tensors.has(TEXT_PROJECTION)) return undefined
  return (
    `${path} lacks the projection of its second text encoder (text_projection): its UNet can be merged, but no program ` +
    'can draw with this text encoder. Use a complete file of the model.'
  )
}
