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
/** The steps of the journey, and settings. */
export type ViewName = StepName | 'settings'
