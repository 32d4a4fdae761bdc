import type { LoraFormat, LoraTypeName } from '../../../src-main/contract/adapter-files'
import { FUSION_METHODS, type FusionRequest, type FusionSettings } from '../../../src-main/contract/adapter-fusion'
import { figure } from '../../../src-main/contract/values/figures'
import { formatPercent } from '../../shared/format'

export const INNER_WORDS: Record<FusionSettings['inner'], string> = {
  tsv: 'TSV-Merge',
  'iso-c': 'Iso-C',
  ties: 'TIES',
  sum: 'Sum',
  mean: 'Mean',
}
export const FORMAT_WORDS: Record<LoraFormat, string> = {
  kohya: "kohya's: web UIs and ComfyUI",
  peft: "PEFT's: diffusers",
}
export const TYPE_WORDS: Record<LoraTypeName, string> = { fp16: 'float16', bf16: 'bfloat16', fp32: 'float32' }
export const CUT_WORDS: Record<FusionRequest['cut'], string> = {
  all: 'All ranks together: nothing is lost',
  rank: 'Cut to one rank: a smaller file',
  energy: 'Cut to a part of each layer: ranks follow',
}

/** How adapters became one: 'Core Space with TIES, density 0.5', 'rank 8', 'kohya’s names', 'float16'. */
export function fusionWords({ fusion, cut, rank, energy, convolutionRank, format, type }: FusionRequest): string[] {
  const ranks = { all: 'all ranks together', rank: `rank ${rank}`, energy: `${formatPercent(energy)} of each layer` }
  const ofConvolutions = cut === 'all' || convolutionRank === null ? [] : [`rank ${convolutionRank} of convolutions`]
  return [methodWords(fusion), ranks[cut], ...ofConvolutions, `${FORMAT_NAMES[format]} names`, TYPE_WORDS[type]]
}

const FORMAT_NAMES: Record<LoraFormat, string> = { kohya: 'kohya’s', peft: 'PEFT’s' }

function methodWords({ method, inner, density, ridge, projection }: FusionSettings): string {
  const { title } = FUSION_METHODS[method]
  if (method === 'core-space') {
    const within = `${title} with ${INNER_WORDS[inner]}`
    return inner === 'ties' ? `${within}, density ${figure(density)}` : within
  }
  if (method === 'ssr') return `${title}, ridge ${figure(ridge)}`
  if (method === 'np-lora')
    return `${title}, ${projection === null ? 'the whole style taken out' : `strength ${figure(projection)}`}`
  return title
}
