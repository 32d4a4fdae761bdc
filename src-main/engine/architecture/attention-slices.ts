import type { UnetConfig } from './unet-config'
import type { VaeConfig } from './vae'

/**
 * Bytes that one slice of a score matrix may take. Half of what WebGPU lets a buffer be on common cards, and enough for
 * products that keep a device busy: Stable Diffusion at 512 × 512 with guidance needs three slices.
 */
const MAX_SCORE_BYTES = 512e6
/** Softmax computes in float32 whatever the compute type (layers.ts). */
const SCORE_BYTES = 4

/** The sizes of what a network attends over. */
export interface AttendedSize {
  /** Images that run together; with guidance two per picture. */
  batch: number
  /** In latents. */
  height: number
  width: number
}

/**
 * Slices of the queries that keep every slice of a [batch, heads, queries, keys] score matrix within MAX_SCORE_BYTES;
 * at most one per query.
 */
export function slicesFor(batch: number, heads: number, queries: number, keys: number): number {
  const rows = Math.max(1, Math.floor(MAX_SCORE_BYTES / (batch * heads * keys * SCORE_BYTES)))
  return Math.ceil(queries / rows)
}

/**
 * Slices for NetworkOptions.attention of a UNet2DConditionModel: what its largest attention layer needs.
 * @param tokens of the text, to which every layer attends as well
 */
export function unetSlices({ levels }: UnetConfig, { batch, height, width }: AttendedSize, tokens: number): number {
  const last = levels.length - 1 // the middle block's, which always attends
  return Math.max(
    ...levels.map(({ depth, upDepth, heads }, level) => {
      if (depth === 0 && upDepth === 0 && level < last) return 1
      const pixels = Math.ceil(height / 2 ** level) * Math.ceil(width / 2 ** level)
      return slicesFor(batch, heads, pixels, Math.max(pixels, tokens))
    }),
  )
}

/** The same for either half of an AutoencoderKL, whose middle block attends over all latents with one head. */
export function vaeSlices({ midAttention }: VaeConfig, { batch, height, width }: AttendedSize): number {
  return midAttention ? slicesFor(batch, 1, height * width, height * width) : 1
}
