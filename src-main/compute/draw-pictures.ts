import type { TaskOf } from '../contract/protocol/compute-tasks'
import type { Pipeline } from '../engine/diffusion/pipeline'
import { encodePng } from '../engine/image/png'
import { writeWhole } from '../engine/files/writing/write-whole'
import { groupBy } from '../contract/values/group-by'
import type { TaskContext } from './task'

export type PreviewPicture = TaskOf<'preview'>['pictures'][number]

type DrawingContext = Pick<TaskContext, 'signal' | 'emit'>

/** Draws pictures of one model, writes them, and emits an event for each when it is on the disk. */
export async function drawPictures(
  pipeline: Pipeline,
  pictures: readonly PreviewPicture[],
  context: DrawingContext,
  onProgress: (fraction: number) => void,
): Promise<void> {
  let done = 0
  for (const group of drawnTogether(pictures)) {
    await drawGroup(pipeline, group, context, (fraction) =>
      onProgress((done + fraction * group.length) / pictures.length),
    )
    done += group.length
  }
}

/** Pictures that share all that a scheduler is made of, in the order of the first of them. */
function drawnTogether(pictures: readonly PreviewPicture[]): PreviewPicture[][] {
  const keyOf = ({ steps, guidance, scheduler }: PreviewPicture): string => JSON.stringify([steps, guidance, scheduler])
  return [...groupBy(pictures, keyOf).values()]
}

async function drawGroup(
  pipeline: Pipeline,
  pictures: readonly PreviewPicture[],
  { signal, emit }: DrawingContext,
  onProgress: (fraction: number) => void,
): Promise<void> {
  const { steps, guidance, scheduler } = pictures[0]!
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
