import { modulesOf, NameTable, type NamePair, type Naming } from './name-table'

/** What decides a UNet's names in either layout, per block: which resnets are followed by attention; a sampler at the end. */
interface BlockStructure {
  attentions: boolean[]
  sampler: boolean
}

interface UnetStructure {
  down: BlockStructure[]
  up: BlockStructure[]
}

const RESNET_PARTS = [
  ['norm1', 'in_layers.0'],
  ['conv1', 'in_layers.2'],
  ['time_emb_proj', 'emb_layers.1'],
  ['norm2', 'out_layers.0'],
  ['conv2', 'out_layers.3'],
  ['conv_shortcut', 'skip_connection'],
] as const

/** LDM's UNetModel (input_blocks, middle_block, output_blocks) and diffusers' UNet2DConditionModel. */
export const ldmUnet: Naming = {
  fromStored: (names) => table(structureOfLdm(modulesOf(names))),
  fromCanonical: (names) => table(structureOfDiffusers(modulesOf(names))),
}

function table({ down, up }: UnetStructure): NameTable {
  const pairs: NamePair[] = [
    { canonical: 'conv_in', stored: 'input_blocks.0.0' },
    { canonical: 'time_embedding.linear_1', stored: 'time_embed.0' },
    { canonical: 'time_embedding.linear_2', stored: 'time_embed.2' },
    { canonical: 'add_embedding.linear_1', stored: 'label_emb.0.0' },
    { canonical: 'add_embedding.linear_2', stored: 'label_emb.0.2' },
    { canonical: 'conv_norm_out', stored: 'out.0' },
    { canonical: 'conv_out', stored: 'out.2' },
    ...resnet('mid_block.resnets.0', 'middle_block.0'),
    { canonical: 'mid_block.attentions.0', stored: 'middle_block.1' },
    ...resnet('mid_block.resnets.1', 'middle_block.2'),
  ]
  let index = 1
  down.forEach(({ attentions, sampler }, block) => {
    const name = `down_blocks.${block}`
    attentions.forEach((attention, layer) => {
      pairs.push(...resnet(`${name}.resnets.${layer}`, `input_blocks.${index}.0`))
      if (attention) pairs.push({ canonical: `${name}.attentions.${layer}`, stored: `input_blocks.${index}.1` })
      index++
    })
    if (sampler) pairs.push({ canonical: `${name}.downsamplers.0.conv`, stored: `input_blocks.${index++}.0.op` })
  })
  index = 0
  up.forEach(({ attentions, sampler }, block) => {
    const name = `up_blocks.${block}`
    attentions.forEach((attention, layer) => {
      pairs.push(...resnet(`${name}.resnets.${layer}`, `output_blocks.${index}.0`))
      if (attention) pairs.push({ canonical: `${name}.attentions.${layer}`, stored: `output_blocks.${index}.1` })
      index++
    })
    const place = attentions.at(-1) ? 2 : 1
    if (sampler) {
      pairs.push({ canonical: `${name}.upsamplers.0.conv`, stored: `output_blocks.${index - 1}.${place}.conv` })
    }
  })
  return new NameTable(pairs)
}

function resnet(canonical: string, stored: string): NamePair[] {
  return RESNET_PARTS.map(([ours, theirs]) => ({ canonical: `${canonical}.${ours}`, stored: `${stored}.${theirs}` }))
}

function structureOfLdm(modules: ReadonlySet<string>): UnetStructure {
  const down: BlockStructure[] = []
  let block: BlockStructure = { attentions: [], sampler: false }
  for (let index = 1; modules.has(`input_blocks.${index}.0`); index++) {
    if (block.attentions.length === 0) down.push(block)
    if (modules.has(`input_blocks.${index}.0.op`)) {
      block.sampler = true
      block = { attentions: [], sampler: false }
    } else block.attentions.push(modules.has(`input_blocks.${index}.1`))
  }
  const up: BlockStructure[] = []
  block = { attentions: [], sampler: false }
  for (let index = 0; modules.has(`output_blocks.${index}.0`); index++) {
    if (block.attentions.length === 0) up.push(block)
    const samplerAt = [1, 2].find((place) => modules.has(`output_blocks.${index}.${place}.conv`))
    block.attentions.push(samplerAt !== 1 && modules.has(`output_blocks.${index}.1`))
    if (samplerAt !== undefined) {
      block.sampler = true
      block = { attentions: [], sampler: false }
    }
  }
  return { down, up }
}

function structureOfDiffusers(modules: ReadonlySet<string>): UnetStructure {
  const blocksOf = (side: 'down' | 'up') => {
    const blocks: BlockStructure[] = []
    for (let block = 0; modules.has(`${side}_blocks.${block}`); block++) {
      const name = `${side}_blocks.${block}`
      const attentions: boolean[] = []
      for (let layer = 0; modules.has(`${name}.resnets.${layer}`); layer++) {
        attentions.push(modules.has(`${name}.attentions.${layer}`))
      }
      blocks.push({ attentions, sampler: modules.has(`${name}.${side}samplers`) })
    }
    return blocks
  }
  return { down: blocksOf('down'), up: blocksOf('up') }
}
