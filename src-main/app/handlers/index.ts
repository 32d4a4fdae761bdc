import type { Studio } from '../studio'
import { calibrationHandlers } from './calibration'
import { evaluateHandlers } from './evaluate'
import type { Handlers } from './handlers'
import { modelHandlers } from './models'
import { projectHandlers } from './project'
import { systemHandlers } from './system'
import { tuneHandlers } from './tune'
import { workHandlers } from './work'

/** Every command's handler; the type proves that none is missing. */
export function createHandlers(studio: Studio): Handlers {
  return {
    ...projectHandlers(studio),
    ...modelHandlers(studio),
    ...workHandlers(studio),
    ...tuneHandlers(studio),
    ...calibrationHandlers(studio),
    ...evaluateHandlers(studio),
    ...systemHandlers(studio),
  }
}
