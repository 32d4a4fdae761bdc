import { TorchGenerator } from '../random'
import { decodeLatents, type Planes, type Vae } from './vae'

const PROBE_EDGE = 12
const PROBE_SEED = 0

/** Latents to small RGB pictures, one pixel per latent: red, green and blue as linear functions of the channels. */
export interface LatentPreview {
  (latents: Planes): Uint8Array[]
}

/**
 * Fits the linear map from a VAE's latents to its mean colours, on one small decode of smooth noise: works for any VAE,
 * without a table of known ones.
 */
export async function fitLatentPreview(vae: Vae): Promise<LatentPreview> {
  const { latentChannels: channels, outChannels, scale } = vae.config
  const probe = smoothNoise(channels)
  const image = await decodeLatents(vae, probe)
  const plane = PROBE_EDGE ** 2
  const rows = Array.from({ length: plane }, (_, i) => [
    ...Array.from({ length: channels }, (_, channel) => probe.data[channel * plane + i]!),
    1,
  ])
  const colours = Array.from({ length: outChannels }, (_, colour) =>
    leastSquares(
      rows,
      Array.from({ length: plane }, (_, i) => meanColour(image, colour, i, scale)),
    ),
  )
  return (latents) => paint(latents, colours)
}

function smoothNoise(channels: number): Planes {
  const coarse = new TorchGenerator(PROBE_SEED).randn(channels * (PROBE_EDGE / 2) ** 2)
  const data = new Float32Array(channels * PROBE_EDGE ** 2)
  for (let i = 0; i < data.length; i++) {
    const [channel, y, x] = [Math.floor(i / PROBE_EDGE ** 2), Math.floor(i / PROBE_EDGE) % PROBE_EDGE, i % PROBE_EDGE]
    data[i] = coarse[(channel * (PROBE_EDGE / 2) + (y >> 1)) * (PROBE_EDGE / 2) + (x >> 1)]!
  }
  return { data, count: 1, channels, height: PROBE_EDGE, width: PROBE_EDGE }
}

/** The mean of the pixels that belong to one latent, limited to what a picture can show. */
function meanColour({ data, width, height }: Planes, colour: number, latent: number, scale: number): number {
  const [top, left] = [Math.floor(latent / PROBE_EDGE) * scale, (latent % PROBE_EDGE) * scale]
  let sum = 0
  for (let y = top; y < top + scale; y++)
    for (let x = left; x < left + scale; x++) sum += Math.max(-1, Math.min(1, data[(colour * height + y) * width + x]!))
  return sum / scale ** 2
}

function paint({ data, count, channels, height, width }: Planes, colours: readonly number[][]): Uint8Array[] {
  const plane = height * width
  return Array.from({ length: count }, (_, image) => {
    const pixels = new Uint8Array(plane * colours.length)
    for (let i = 0; i < plane; i++)
      colours.forEach((factors, colour) => {
        let value = factors[channels]!
        for (let channel = 0; channel < channels; channel++)
          value += factors[channel]! * data[(image * channels + channel) * plane + i]!
        pixels[i * colours.length + colour] = Math.max(0, Math.min(255, Math.round((value / 2 + 0.5) * 255)))
      })
    return pixels
  })
}

/** The x that minimises |rows · x − values|², by the normal equations and Gauss elimination. */
function leastSquares(rows: readonly number[][], values: readonly number[]): number[] {
  const n = rows[0]!.length
  const system = Array.from({ length: n }, (_, a) => [
    ...Array.from({ length: n }, (_, b) => rows.reduce((sum, row) => sum + row[a]! * row[b]!, 0)),
    rows.reduce((sum, row, i) => sum + row[a]! * values[i]!, 0),
  ])
  for (let pivot = 0; pivot < n; pivot++) {
    const best = system.reduce(
      (top, row, i) => (i >= pivot && Math.abs(row[pivot]!) > Math.abs(system[top]![pivot]!) ? i : top),
      pivot,
    )
    ;[system[pivot], system[best]] = [system[best]!, system[pivot]!]
    for (let i = 0; i < n; i++) {
      const factor = i === pivot ? 0 : system[i]![pivot]! / system[pivot]![pivot]!
      for (let k = pivot; k <= n; k++) system[i]![k]! -= factor * system[pivot]![k]!
    }
  }
  return system.map((row, i) => row[n]! / row[i]!)
}
