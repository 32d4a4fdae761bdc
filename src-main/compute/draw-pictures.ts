import type { TaskOf } from '../contract/protocol/compute-tasks'
import type { Pipeline } from '../engine/diffusion/pipeline'
import { encodePng } from '../engine/image/png'
import { writeWhole } from '../engine/files/writing/write-whole'
import type { TaskContext } from './task'

type PreviewPicture = TaskOf<'preview'>['pictures'][number]

/** Draws pictures of one model, writes them, and emits an event for each when it is on the disk. */
export async function drawPictures(
  pipeline: Pipeline,
  pictures: readonly PreviewPicture[],
  { signal, emit }: TaskContext,
  onProgress: (fraction: number) => void,
): Promise<void> {
  const first = pictures[0]
  if (!first) return
  const { steps, guidance, scheduler } = first
  const writing: Promise<void>[] = []
  await pipeline.generate(
    {
      pictures: pictures.map((picture) => ({ ...picture, seed: BigInt(picture.seed) })),
      steps,
      guidance,
      scheduler,
      ...pipeline.nativeSize,
    },
    {
      signal,
      onStep: ({ done, total }) => onProgress(done / total),
      onPicture: ({ index, width, height, pixels }) => {
        const picture = pictures[index]!
        const parameters = parametersOf(picture, width, height)
        const bytes = encodePng({ width, height, channels: 3, data: pixels }, parameters, picture.origin?.merge)
        writing.push(
          writeWhole(picture.file, bytes).then(() => emit({ type: 'picture', id: picture.id, width, height })),
        )
      },
    },
  )
  await Promise.all(writing)
}

function parametersOf(picture: PreviewPicture, width: number, height: number): Parameters<typeof encodePng>[1] {
  const { prompt, negativePrompt, steps, guidance, scheduler, seed, origin } = picture
  const settings = new Map([
    ['Steps', String(steps)],
    ['Sampler', scheduler],
    ['CFG scale', String(guidance)],
    ['Seed', String(seed)],
    ['Size', `${width}x${height}`],
    ...Object.entries(origin?.settings ?? {}),
  ])
  return { prompt, negativePrompt, settings }
}
