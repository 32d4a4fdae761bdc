import { stat } from 'node:fs/promises'
import { calibrate as gatherInputs, type CalibratedCheckpoint } from '../../engine/calibrate/calibrate'
import { calibrated } from '../../engine/calibrate/calibration-request'
import { readingOf } from '../../contract/document/project'
import { openModel, openSpecialist } from '../../engine/merge/open-model'
import type { Checkpoint } from '../../engine/checkpoint/model/checkpoint'
import { releaseModel } from '../resident-model'
import type { TaskRunner } from '../task'

/** Gathers what the layers of models really get, each on what it shall run on. */
export const calibrate: TaskRunner<'calibrate'> = async (task, { signal, emit, clipVocabulary }) => {
  const { samples, seed, path, overwrite, device, cacheFolder } = task
  await releaseModel()
  const base = await openModel(task.base, task)
  const lend = (): Promise<Checkpoint> => Promise.resolve(base)
  const models: CalibratedCheckpoint[] = []
  for (const { name, path: own, strengths, request } of task.models) {
    const checkpoint = own === task.base ? base : await openSpecialist(own, lend, { ...readingOf(task), strengths })
    models.push(await calibrated(name, checkpoint, request, { base, seed, cacheFolder, signal }))
  }
  await gatherInputs(models, {
    ...{ path, overwrite, base, device, clipVocabulary, samples, seed, cacheFolder, signal },
    onProgress: (fraction) => emit({ type: 'progress', phase: 'gathering layer inputs', fraction }),
  })
  return { kind: 'calibrate', path, bytes: (await stat(path)).size, models: models.length }
}
