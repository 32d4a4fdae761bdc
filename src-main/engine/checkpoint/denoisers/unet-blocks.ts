import type { DenoiserBlocks } from './denoiser'

/**
 * The blocks by which the field's mergers weigh a UNet (IN00 …, M00, OUT00 …: the places of LDM's input_blocks,
 * middle_block and output_blocks), found from diffusers' tensor names.
 */
export class UNetBlocks implements DenoiserBlocks {
  readonly labels: readonly string[]
  private readonly inputs: BlockLayout[]
  private readonly outputs: BlockLayout[]

  /** @param names of the UNet's tensors */
  constructor(names: Iterable<string>) {
    const list = [...names]
    this.inputs = layouts(list, 'down_blocks', 'downsamplers', 1)
    // An upsampler belongs to the output block of the resnet before it.
    this.outputs = layouts(list, 'up_blocks', 'upsamplers', 0).map((layout) => ({ ...layout, ownSampler: false }))
    renumber(this.inputs, 1)
    renumber(this.outputs, 0)
    const numbered = (prefix: string, count: number): string[] =>
      Array.from({ length: count }, (_, index) => label(prefix, index))
    this.labels = [...numbered('IN', Math.max(1, end(this.inputs))), 'M00', ...numbered('OUT', end(this.outputs))]
  }

  blockOf(name: string): string | undefined {
    if (name.startsWith('conv_in.')) return 'IN00'
    if (name.startsWith('mid_block.')) return 'M00'
    if (/^conv_(norm_)?out\./.test(name)) return label('OUT', Math.max(0, end(this.outputs) - 1))
    const match = /^(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\./.exec(name)
    if (!match) return undefined
    const layout = (match[1] === 'down' ? this.inputs : this.outputs)[Number(match[2])]!
    const sampler = match[3]!.endsWith('samplers')
    const place = sampler ? layout.resnets - (layout.ownSampler ? 0 : 1) : Number(match[4])
    return label(match[1] === 'down' ? 'IN' : 'OUT', layout.first + place)
  }
}

interface BlockLayout {
  resnets: number
  /** Whether its sampler is a block of its own. */
  ownSampler: boolean
  /** Number of its first block. */
  first: number
}

function layouts(names: readonly string[], blocks: string, sampler: string, first: number): BlockLayout[] {
  const found: BlockLayout[] = []
  for (const name of names) {
    const match = new RegExp(`^${blocks}\\.(\\d+)\\.(resnets|${sampler})\\.(\\d+)\\.`).exec(name)
    if (!match) continue
    const layout = (found[Number(match[1])] ??= { resnets: 0, ownSampler: false, first })
    if (match[2] === sampler) layout.ownSampler = true
    else layout.resnets = Math.max(layout.resnets, Number(match[3]) + 1)
  }
  return found
}

function renumber(blocks: BlockLayout[], first: number): void {
  let next = first
  for (const block of blocks) {
    block.first = next
    next += block.resnets + (block.ownSampler ? 1 : 0)
  }
}

function end(blocks: readonly BlockLayout[]): number {
  const last = blocks.at(-1)
  return last ? last.first + last.resnets + (last.ownSampler ? 1 : 0) : 0
}

function label(prefix: string, index: number): string {
  return `${prefix}${String(index).padStart(2, '0')}`
}
