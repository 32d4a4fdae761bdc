import { clipScore, cosine } from '../../../src-main/engine/evaluate/clip/clip-score'
import { input, type GoldenCase, type GoldenSet } from '../golden-set'
import { loadClip } from '../load-clip'
import type { OpResult, OpRunner } from '../run-cases'

async function clipScores(goldenCase: GoldenCase, set: GoldenSet): Promise<OpResult> {
  const [model] = Object.keys(set.manifest.models)
  const clip = await loadClip(set.modelPath(model!))
  const pixels = input(goldenCase, 'pixel_values')
  const images = await clip.images(Float32Array.from(pixels.values()), pixels.shape[0]!, pixels.shape[2]!)
  const ids = input(goldenCase, 'input_ids')
  const length = ids.shape[1]!
  const all = [...ids.values()]
  const texts = await clip.texts(
    Array.from({ length: ids.shape[0]! }, (_, i) => all.slice(i * length, (i + 1) * length)),
  )
  await clip.release()
  const pairs = (measure: typeof cosine) => images.embeds.flatMap((image) => texts.map((text) => measure(image, text)))
  const flat = (vectors: Float32Array[]) => vectors.flatMap((vector) => [...vector])
  return {
    outputs: {
      image_embeds: flat(images.embeds),
      image_projection: flat(images.projections),
      vision_last_hidden_state: images.lastHiddenState,
      text_embeds: flat(texts),
      cosine: pairs(cosine),
      logits_per_image: pairs((image, text) => clip.logitFactor * cosine(image, text)),
      clip_score: pairs(clipScore),
    },
    arithmetic: 'float32',
  }
}

export const clipScoreOps: Record<string, OpRunner> = { clip_score: clipScores }
