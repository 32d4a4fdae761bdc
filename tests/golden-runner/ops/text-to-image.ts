import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import { loadPipeline } from '../../../src-main/engine/diffusion/load-pipeline'
import type { Pipeline } from '../../../src-main/engine/diffusion/pipeline'
import { TorchGenerator } from '../../../src-main/engine/random'
import type { SchedulerConfig } from '../../../src-main/engine/schedulers/index'
import { elementCount } from '../../../src-main/engine/tensor/element-type'
import { input, type GoldenCase, type GoldenSet } from '../golden-set'
import type { OpResult, OpRunner } from '../run-cases'

interface TextToImageParams {
  prompt: string
  negative_prompt?: string
  guidance: number
  steps: number
  width: number
  height: number
  clip_skip?: number
  guidance_rescale?: number
  scheduler: SchedulerConfig
}

/** One pipeline at a time stays loaded; the cases of a folder share it. */
let loaded: { path: string; pipeline: Pipeline } | undefined

async function pipelineOf(path: string): Promise<Pipeline> {
  if (loaded?.path !== path) {
    await loaded?.pipeline.release()
    loaded = { path, pipeline: await loadPipeline(await openCheckpoint(path), { device: 'cpu' }) }
  }
  return loaded.pipeline
}

async function textToImage(goldenCase: GoldenCase, set: GoldenSet): Promise<OpResult> {
  const params = goldenCase.params as unknown as TextToImageParams
  const model = String(goldenCase.params['model'] ?? Object.keys(set.manifest.models)[0])
  const pipeline = await pipelineOf(set.modelPath(model))
  const { prompt, negative_prompt: negativePrompt, clip_skip: clipSkip, guidance_rescale: guidanceRescale } = params
  const steps: Float32Array[] = []
  const [picture] = await pipeline.generate(
    {
      pictures: [{ prompt, seed: 0, ...(negativePrompt !== undefined && { negativePrompt }) }],
      steps: params.steps,
      guidance: params.guidance,
      width: params.width,
      height: params.height,
      schedulerConfig: params.scheduler,
      latents: startLatents(goldenCase, set),
      ...(clipSkip !== undefined && { clipSkip }),
      ...(guidanceRescale !== undefined && { guidanceRescale }),
    },
    { onStep: ({ latents }) => steps.push(latents.data) },
  )
  const { pixels, image, latents } = picture!
  return {
    outputs: {
      latents: latents.data,
      latents_per_step: steps.flatMap((step) => [...step]),
      image_float: toUnitInterleaved(image),
      image: pixels,
    },
    arithmetic: 'float32',
  }
}

/**
 * The N(0, 1) latents of a case. The generator writes input and output under one key, `latents`, and the output stays;
 * then they are drawn again as generator/networks.py did, from the seed in the set's config.json.
 */
function startLatents(goldenCase: GoldenCase, set: GoldenSet): Float32Array {
  const given = input(goldenCase, 'latents')
  const values = Float32Array.from(given.values())
  const last = goldenCase.outputs['latents']!.values()
  if (values.some((value, i) => value !== last[i])) return values
  const { seed } = JSON.parse(readFileSync(join(set.folder, '..', 'config.json'), 'utf8')) as { seed: number }
  const purpose = `${set.manifest.name}/latents/${/^sampling-(\d+)/.exec(goldenCase.id)![1]}`
  const mixed = (BigInt(seed) * 1_000_003n + BigInt(crc32(purpose))) % 2n ** 31n
  return new TorchGenerator(mixed).randn(elementCount(given.shape))
}

/** [1, 3, h, w] in −1 … 1 as [h, w, 3] in 0 … 1. */
function toUnitInterleaved({ data, channels }: { data: Float32Array; channels: number }): Float32Array {
  const plane = data.length / channels
  return data.map((_, i) =>
    Math.min(1, Math.max(0, data[(i % channels) * plane + Math.floor(i / channels)]! / 2 + 0.5)),
  )
}

export const textToImageOps: Record<string, OpRunner> = { text_to_image: textToImage }
