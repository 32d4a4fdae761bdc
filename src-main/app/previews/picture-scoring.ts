import { exportKey } from '../../contract/document/export-key'
import { FusionError } from '../../contract/errors'
import { SCORER_DESCRIPTIONS, type ScorerName } from '../../contract/evaluate/scores/scorers'
import type { Job } from '../../contract/jobs'
import { checkedScorers } from '../evaluation/checked-scorers'
import type { JobEvent } from '../jobs/compute-jobs'
import type { Studio } from '../studio'

type ScoringHost = Pick<
  Studio,
  'jobs' | 'queue' | 'events' | 'history' | 'log' | 'cache' | 'host' | 'project' | 'device'
>

/**
 * Scores drawn pictures by one scorer; their scores are kept with them.
 * @param ids of pictures; those that are gone are left out
 * @throws FusionError 'validation' where the scorer's files are not named or may not be read, 'not-found' without pictures
 */
export async function scorePictures(
  program: ScoringHost,
  scorer: ScorerName,
  ids: readonly string[],
): Promise<{ job: Job }> {
  const { jobs, queue, history, cache, host } = program
  const { project } = program.project.state
  const { label } = SCORER_DESCRIPTIONS[scorer]
  if (project.evaluation.scorers[scorer] === null)
    throw new FusionError('validation', `The files of ${label} are not chosen.`, { hint: 'Choose them in Evaluate.' })
  const { scorers } = await checkedScorers(project.evaluation, host.access)
  const pictures = history
    .list(undefined, Infinity)
    .filter(({ id }) => ids.includes(id))
    .map(({ id, settings }) => ({ id, file: history.file(id), prompt: settings.prompt }))
  if (pictures.length === 0) throw new FusionError('not-found', 'None of these pictures is there any more.')
  queue.cancelAll('score-pictures')
  return jobs.start({
    kind: 'score-pictures',
    title: `${label} of ${pictures.length} pictures`,
    of: exportKey(project),
    task: async () => {
      const device = await program.device()
      return { type: 'score-pictures', scorer, scorers, pictures, device, cacheFolder: cache.folder }
    },
    onEvent: (event) => keepScores(program, scorer, event),
  })
}

function keepScores({ history, events, log }: ScoringHost, scorer: ScorerName, { event }: JobEvent): void {
  if (event.type !== 'picture-scores') return
  for (const { id, score } of event.scores)
    history.addScore(id, scorer, score).then(
      (picture) => picture && events.emit({ type: 'picture', picture }),
      (error: unknown) => log.add('warning', `A score could not be kept: ${String(error)}`),
    )
}
