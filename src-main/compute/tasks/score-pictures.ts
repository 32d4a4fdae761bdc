import { SCORER_DESCRIPTIONS } from '../../contract/evaluate/scores/scorers'
import { readPicture } from '../../engine/evaluate/scored-pictures/named-pictures'
import { PictureScores } from '../../engine/evaluate/scored-pictures/picture-scores'
import { releaseModel } from '../resident-model'
import type { TaskRunner } from '../task'

/** Scores pictures that are there by one scorer. */
export const scorePictures: TaskRunner<'score-pictures'> = async (task, { signal, emit, clipVocabulary }) => {
  const { scorer: name, scorers, pictures, device, cacheFolder } = task
  await releaseModel()
  const phase = SCORER_DESCRIPTIONS[name].label
  const scorer = await PictureScores.open(name, scorers, { device, cacheFolder, clipVocabulary, signal })
  try {
    const files = await Promise.all(pictures.map(({ file, prompt }) => readPicture(file, prompt)))
    const scores = await scorer.of(files, (fraction) => emit({ type: 'progress', phase, fraction }))
    emit({
      type: 'picture-scores',
      scores: pictures.flatMap(({ id }, index) => {
        const score = scores[index] ?? null
        return score === null ? [] : [{ id, score }]
      }),
    })
    return { kind: 'score-pictures', pictures: pictures.length }
  } finally {
    await scorer.release()
  }
}
