import type { Studio } from '../studio'
import { appHandlers } from './app'
import { cacheHandlers } from './cache'
import { calibrationHandlers } from './calibration'
import { deviceHandlers } from './devices'
import { evaluateHandlers } from './evaluate'
import { exportHandlers } from './export'
import { fileHandlers } from './files'
import { historyHandlers } from './history'
import { inspectHandlers } from './inspect'
import { jobHandlers } from './jobs'
import { libraryHandlers } from './library'
import { logHandlers } from './log'
import { modelHandlers } from './models'
import { previewHandlers } from './preview'
import { projectHandlers } from './project'
import { settingsHandlers } from './settings'
import { tuneHandlers } from './tune'
import type { Handlers } from './handlers'

/** Every command's handler, one file for each group of commands; the type proves that none is missing. */
export function createHandlers(studio: Studio): Handlers {
  return {
    ...appHandlers(studio),
    ...cacheHandlers(studio),
    ...calibrationHandlers(studio),
    ...deviceHandlers(studio),
    ...evaluateHandlers(studio),
    ...exportHandlers(studio),
    ...fileHandlers(studio),
    ...historyHandlers(studio),
    ...inspectHandlers(studio),
    ...jobHandlers(studio),
    ...libraryHandlers(studio),
    ...logHandlers(studio),
    ...modelHandlers(studio),
    ...previewHandlers(studio),
    ...projectHandlers(studio),
    ...settingsHandlers(studio),
    ...tuneHandlers(studio),
  }
}
