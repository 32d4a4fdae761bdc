import { DomainDrawings } from '../evaluation/domain-pictures'
import { describeData } from '../evaluation/evaluation-plan'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

export function evaluateHandlers(studio: Studio): Handlers<Group<'evaluate'>> {
  const { evaluations } = studio
  const drawings = new DomainDrawings(studio)
  return {
    'evaluate.data': () => describeData(studio.project.state.project, studio.dataFolder),
    'evaluate.start': ({ kind }) => evaluations.start(kind),
    'evaluate.search': (input) => evaluations.search(input),
    'evaluate.scores': ({ kind }) => evaluations.scores(kind),
    'evaluate.drift': (input) => evaluations.drift(input),
    'evaluate.pictures': () => drawings.show(),
    'evaluate.draw': () => drawings.start(),
    'evaluate.results': () => evaluations.current,
  }
}
