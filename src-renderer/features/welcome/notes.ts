import type { StepName } from '../../shell/steps'

/** Of the settings: that the program was started before. */
export const FIRST_START = 'first-start'

/** What there is to do in each step, in one line; each is shown until it is dismissed. */
export const NOTES: Readonly<Record<StepName, string>> = {
  models: 'Every card shows what its model draws for the first prompt. Weigh them in Tune, or add your own models.',
  inspect: 'See where specialists agree and where they pull apart: compute, then choose a block.',
  tune: 'Weigh the specialists, or drop one. With live pictures on, you see at once what a merge keeps.',
  preview: 'Draw the same prompts with the base, the specialists and the merge, and compare two of them.',
  evaluate: 'Measure on pictures what the merge keeps of every specialist, and which method keeps most.',
  export: 'Write the merge as a checkpoint that other programs open; its recipe is inside.',
}

/** How the settings know that a step's note was dismissed. */
export function noteName(step: StepName): string {
  return `tour-${step}`
}

/** All that a first start shows. */
export const WELCOME_NOTES: readonly string[] = [FIRST_START, ...(Object.keys(NOTES) as StepName[]).map(noteName)]
