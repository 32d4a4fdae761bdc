import { countOf, NameTable, type MappedName } from './name-table'
import { openClipBlocks, openClipText } from './text-encoder'

const VISION = 'visual.'

/**
 * OpenCLIP's whole model as transformers' CLIPModel.
 * @param names of all tensors in the file
 * @returns the names in transformers' form that a stored tensor holds
 */
export function openClipModel(names: readonly string[]): (stored: string) => MappedName[] {
  const text = openClipText({ layers: Infinity, projection: true }).fromStored(names)
  const vision = visionTable(countOf(names, /^visual\.transformer\.resblocks\.(\d+)\./))
  return (stored) => {
    if (stored === 'logit_scale') return [{ name: stored }]
    return (stored.startsWith(VISION) ? vision : text).toCanonical(stored)
  }
}

function visionTable(layers: number): NameTable {
  const blocks = Array.from({ length: layers }, (_, layer) =>
    openClipBlocks(`vision_model.encoder.layers.${layer}`, `${VISION}transformer.resblocks.${layer}`),
  )
  return new NameTable([
    { canonical: 'vision_model.embeddings.class_embedding', stored: `${VISION}class_embedding` },
    { canonical: 'vision_model.embeddings.patch_embedding', stored: `${VISION}conv1` },
    { canonical: 'vision_model.embeddings.position_embedding.weight', stored: `${VISION}positional_embedding` },
    // transformers' own spelling.
    { canonical: 'vision_model.pre_layrnorm', stored: `${VISION}ln_pre` },
    { canonical: 'vision_model.post_layernorm', stored: `${VISION}ln_post` },
    { canonical: 'visual_projection.weight', stored: `${VISION}proj`, form: 'transposed' },
    ...blocks.flat(),
  ])
}
