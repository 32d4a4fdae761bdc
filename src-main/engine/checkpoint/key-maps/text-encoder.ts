import { countOf, identityPairs, NameTable, type Form, type NamePair, type Naming } from './name-table'

const CLIP_MODULES = ['embeddings', 'encoder', 'final_layer_norm']

/**
 * transformers' CLIPTextModelWithProjection. Canonical names carry the prefix `text_model.`, as published files do; files
 * without it (transformers 5, some single files) are read alike. Names of other text encoders (T5) stay as they are.
 */
export const clipTextWithProjection: Naming = {
  fromStored: (names) => new NameTable(clipPairs(names)),
  fromCanonical: (names) => new NameTable(identityPairs(names)),
}

/**
 * transformers' CLIPTextModel. Some programs save a `text_projection` with it, which Stable Diffusion does not use and
 * diffusers does not load: it belongs to no component.
 */
export const clipText: Naming = {
  ...clipTextWithProjection,
  fromStored: (names) => new NameTable(clipPairs(names).filter(({ stored }) => stored !== 'text_projection')),
}

function clipPairs(names: readonly string[]): NamePair[] {
  const pairs = [...identityPairs(names), ...wrappedPairs(names)]
  if (!names.includes('embeddings.token_embedding.weight')) return pairs
  return pairs.map(({ stored }) => ({
    canonical: CLIP_MODULES.includes(stored) ? `text_model.${stored}` : stored,
    stored,
  }))
}

/** A1111 and Forge wrap the table of words so that it takes learned ones, and save it so. */
function wrappedPairs(names: readonly string[]): NamePair[] {
  const canonical = 'text_model.embeddings.token_embedding'
  const stored = `${canonical}.wrapped`
  return names.includes(`${stored}.weight`) ? [{ canonical, stored }] : []
}

const BLOCK_PARTS = [
  ['layer_norm1', 'ln_1'],
  ['layer_norm2', 'ln_2'],
  ['mlp.fc1', 'mlp.c_fc'],
  ['mlp.fc2', 'mlp.c_proj'],
  ['self_attn.out_proj', 'attn.out_proj'],
] as const

/** OpenCLIP's text tower: one in_proj for q, k and v; the projection is the transpose of transformers'. */
export function openClipText(options: {
  /** Layers that the pipeline uses; the file's further ones belong to no component. */
  layers: number
  projection: boolean
}): Naming {
  const fromCount = (count: number) => openClipTable(Math.min(count, options.layers), options.projection)
  return {
    fromStored: (names) => fromCount(countOf(names, /^transformer\.resblocks\.(\d+)\./)),
    fromCanonical: (names) => fromCount(countOf(names, /^text_model\.encoder\.layers\.(\d+)\./)),
  }
}

function openClipTable(layers: number, projection: boolean): NameTable {
  const pairs: NamePair[] = [
    { canonical: 'text_model.embeddings.token_embedding', stored: 'token_embedding' },
    { canonical: 'text_model.embeddings.position_embedding.weight', stored: 'positional_embedding' },
    { canonical: 'text_model.final_layer_norm', stored: 'ln_final' },
  ]
  if (projection) {
    pairs.push({ canonical: 'text_projection.weight', stored: 'text_projection', form: 'transposed' })
  }
  for (let layer = 0; layer < layers; layer++)
    pairs.push(...openClipBlocks(`text_model.encoder.layers.${layer}`, `transformer.resblocks.${layer}`))
  return new NameTable(pairs)
}

/** The modules of one block of OpenCLIP's transformers, of text or pictures. */
export function openClipBlocks(ours: string, theirs: string): NamePair[] {
  const parts = BLOCK_PARTS.map(([a, b]) => ({ canonical: `${ours}.${a}`, stored: `${theirs}.${b}` }))
  const stacked = ['weight', 'bias'].flatMap((kind) =>
    (['q', 'k', 'v'] as const).map((letter, index): NamePair => ({
      canonical: `${ours}.self_attn.${letter}_proj.${kind}`,
      stored: `${theirs}.attn.in_proj_${kind}`,
      form: index as Form,
    })),
  )
  return [...parts, ...stacked]
}
