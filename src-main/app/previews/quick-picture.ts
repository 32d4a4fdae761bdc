import type { PreviewSettings } from '../../contract/document/project'
import type { PictureSettings } from '../../contract/preview'

/** Enough to tell what a model draws; what is drawn beside the work should take little time. */
const MOST_STEPS = 12

/** All that a picture is drawn with, but what it shows. */
export type QuickPicture = Pick<PictureSettings, 'negativePrompt' | 'seed' | 'steps' | 'guidance' | 'scheduler'>

/** How a picture that only tells what a model draws is made: a project's settings with its first seed and few steps. */
export function quickPicture({ seeds, negativePrompt, steps, guidance, scheduler }: PreviewSettings): QuickPicture {
  return { negativePrompt, seed: seeds[0] ?? 0, steps: Math.min(steps, MOST_STEPS), guidance, scheduler }
}
