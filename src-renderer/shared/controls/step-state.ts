/** State of a step: nothing yet, at work, done, needs a look, or not built yet. */
export type StepState = 'empty' | 'running' | 'ready' | 'attention' | 'later'
