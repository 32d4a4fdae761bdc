import type { IconName } from '../shared/controls/icons'

/** The views that lead from models to an export, in this order. */
export const STEPS = [
  { name: 'models', title: 'Models', icon: 'models' },
  { name: 'inspect', title: 'Inspect', icon: 'inspect' },
  { name: 'tune', title: 'Tune', icon: 'tune' },
  { name: 'preview', title: 'Preview', icon: 'preview' },
  { name: 'evaluate', title: 'Evaluate', icon: 'evaluate' },
  { name: 'export', title: 'Export', icon: 'export' },
] as const satisfies readonly { name: string; title: string; icon: IconName }[]

export type StepName = (typeof STEPS)[number]['name']
/** Views beside the journey. */
export const OTHER_VIEWS = ['history', 'settings'] as const
/** The steps of the journey, and what stands beside it. */
export type ViewName = StepName | (typeof OTHER_VIEWS)[number]

/** Whether a view is a step of the journey. */
export function isStep(view: ViewName): view is StepName {
  return STEPS.some(({ name }) => name === view)
}
