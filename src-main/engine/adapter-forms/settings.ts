/**
 * What an adapter does at a strength m other than 1, where its form leaves that open (DoRA's norms, the rescaling of OFT).
 * All rules give the full adapter at 1; only 'interpolate' gives the weight itself at 0, so it is the one for a slider.
 * 'lycoris' and 'peft' are what these libraries do.
 */
export type StrengthRule = 'interpolate' | 'lycoris' | 'peft'

/** Forms by the names that their papers and LyCORIS use. */
export type FormName = 'lora' | 'loha' | 'lokr' | 'full' | 'oft' | 'boft' | 'peft-oft' | 'peft-boft' | 'glora' | 'ia3'

/** How strongly, and by which rule, a form changes one weight: plain data. */
export interface FormSettings {
  /** alpha / rank, or what stands for it; 1 for forms without. */
  scale: number
  multiplier: number
  rule: StrengthRule
  /**
   * OFT, BOFT: the largest norm of all rotations together, per output row; PEFT's OFT: of each one, times the root of their
   * number; null: no limit.
   */
  constraint: number | null
  /** PEFT's OFT: terms of the series that stands for the inverse in Cayley's transform; null: the inverse itself. */
  seriesTerms: number | null
  /** IA3: whether the inputs are scaled, not the outputs. */
  onInput: boolean
}
