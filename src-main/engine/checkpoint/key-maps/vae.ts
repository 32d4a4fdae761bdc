import { countOf, identityPairs, NameTable, type NamePair, type Naming } from './name-table'

const ATTENTION_PARTS = [
  ['group_norm', 'norm'],
  ['to_q', 'q'],
  ['to_k', 'k'],
  ['to_v', 'v'],
  ['to_out.0', 'proj_out'],
] as const

/** Attention before diffusers 0.12 (AttentionBlock), as published Stable Diffusion 1.x folders still have it. */
const OLD_ATTENTION_PARTS = [
  ['to_q', 'query'],
  ['to_k', 'key'],
  ['to_v', 'value'],
  ['to_out.0', 'proj_attn'],
] as const

/** LDM's AutoencoderKL (its decoder counts levels from the finest) and diffusers' AutoencoderKL. */
export const ldmVae: Naming = {
  fromStored: (names) =>
    table(countOf(names, /^(?:encoder\.down|decoder\.up)\.(\d+)\./), countOf(names, /\.block\.(\d+)\./)),
  fromCanonical: (names) => table(countOf(names, /_blocks\.(\d+)\./), countOf(names, /_blocks\.\d+\.resnets\.(\d+)\./)),
}

/** diffusers' own names, with those of its first versions for attention. */
export const diffusersVae: Naming = {
  fromStored: (names) =>
    new NameTable([
      ...identityPairs(names),
      ...['encoder', 'decoder'].flatMap((side) =>
        [...OLD_ATTENTION_PARTS, ...ATTENTION_PARTS.map(([name]) => [name, name] as const)].map(
          ([canonical, stored]): NamePair => ({
            canonical: `${side}.mid_block.attentions.0.${canonical}`,
            stored: `${side}.mid_block.attentions.0.${stored}`,
            form: 'pointwise',
          }),
        ),
      ),
    ]),
  fromCanonical: (names) => new NameTable(identityPairs(names)),
}

function table(levels: number, layers: number): NameTable {
  const pairs: NamePair[] = ['quant_conv', 'post_quant_conv'].map((name) => ({ canonical: name, stored: name }))
  const resnet = (canonical: string, stored: string) =>
    pairs.push({ canonical, stored }, { canonical: `${canonical}.conv_shortcut`, stored: `${stored}.nin_shortcut` })
  for (const side of ['encoder', 'decoder']) {
    pairs.push({ canonical: `${side}.conv_in`, stored: `${side}.conv_in` })
    pairs.push({ canonical: `${side}.conv_out`, stored: `${side}.conv_out` })
    pairs.push({ canonical: `${side}.conv_norm_out`, stored: `${side}.norm_out` })
    resnet(`${side}.mid_block.resnets.0`, `${side}.mid.block_1`)
    resnet(`${side}.mid_block.resnets.1`, `${side}.mid.block_2`)
    for (const [ours, theirs] of ATTENTION_PARTS) {
      const canonical = `${side}.mid_block.attentions.0.${ours}`
      pairs.push({ canonical, stored: `${side}.mid.attn_1.${theirs}`, form: 'pointwise' })
    }
  }
  for (let level = 0; level < levels; level++) {
    const down = [`encoder.down_blocks.${level}`, `encoder.down.${level}`] as const
    const up = [`decoder.up_blocks.${level}`, `decoder.up.${levels - 1 - level}`] as const
    for (const [ours, theirs] of [down, up]) {
      for (let layer = 0; layer < layers; layer++) resnet(`${ours}.resnets.${layer}`, `${theirs}.block.${layer}`)
    }
    pairs.push({ canonical: `${down[0]}.downsamplers.0`, stored: `${down[1]}.downsample` })
    pairs.push({ canonical: `${up[0]}.upsamplers.0`, stored: `${up[1]}.upsample` })
  }
  return new NameTable(pairs)
}
