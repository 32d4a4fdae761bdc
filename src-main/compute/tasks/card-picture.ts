import { encodePng } from '../../engine/image/png'
import { resize } from '../../engine/image/resample'
import { writeWhole } from '../../engine/files/writing/write-whole'
import { openPipeline } from '../resident-model'
import type { TaskRunner } from '../task'

/** Pixels of a card's picture: twice its size on the page. */
const EDGE = 192
/** Models that draw no larger than this draw in their own size, larger ones smaller: they take a fraction of the time. */
const QUICK_EDGE = 256
const SHARE = 5 / 8
/** What networks of latents can halve as often as they do. */
const MULTIPLE = 64

/** Draws one picture with a model, in a size that takes little time, and writes it as small as a card shows it. */
export const cardPicture: TaskRunner<'card-picture'> = async ({ model, picture, device }, context) => {
  const pipeline = await openPipeline(model, device, context)
  const { width, height } = pipeline.nativeSize
  const { steps, guidance, scheduler, file } = picture
  const request = { ...picture, seed: BigInt(picture.seed) }
  const size = { width: quickEdge(width), height: quickEdge(height) }
  const [drawn] = await pipeline.generate(
    { pictures: [request], steps, guidance, scheduler, ...size },
    { signal: context.signal },
  )
  const scale = Math.min(1, EDGE / Math.min(size.width, size.height))
  const whole = { ...size, channels: 3, data: drawn!.pixels }
  const [small, smallHeight] = [Math.round(size.width * scale), Math.round(size.height * scale)]
  await writeWhole(file, encodePng(scale < 1 ? resize(whole, small, smallHeight, 'lanczos') : whole))
  return { kind: 'card-picture' }
}

function quickEdge(native: number): number {
  if (native <= QUICK_EDGE) return native
  return Math.max(QUICK_EDGE, Math.round((native * SHARE) / MULTIPLE) * MULTIPLE)
}
