import { computed, type ComputedRef } from 'vue'
import { negativeWeight, wrongCount } from '../../src-main/contract/methods/impossible'
import { useModels } from '../features/models/models-store'
import { isActive, useJobs } from '../features/jobs/jobs-store'
import { useEvaluate } from '../features/evaluate/evaluate-store'
import type { Job } from '../../src-main/contract/jobs'
import { methodSchema, takingPart } from '../../src-main/contract/document/project'
import { useExport } from '../features/export/export-store'
import { useInspect } from '../features/inspect/inspect-store'
import { usePreview } from '../features/preview/preview-store'
import { useProject } from '../features/project/project-store'
import { weightsProblem } from '../features/tune/method/method-weights'
import type { StepState } from '../shared/controls/step-state'
import { countOf } from '../shared/format'
import type { StepName } from './steps'

export interface StepMark {
  state: StepState
  words: string
}

const USUAL_METHOD = methodSchema.parse({})

/** The state of every step, as mark and in words. */
export function useStepStates(): ComputedRef<Record<StepName, StepMark>> {
  const project = useProject()
  const models = useModels()
  const jobs = useJobs()
  const inspect = useInspect()
  const preview = usePreview()
  const evaluate = useEvaluate()
  const exports = useExport()

  function modelsMark(): StepMark {
    if (project.models.length === 0) return { state: 'empty', words: 'no models yet' }
    if (models.errors.length > 0) return { state: 'attention', words: countOf(models.errors.length, 'problem') }
    if (project.specialists.length === 0) return { state: 'attention', words: 'no specialists yet' }
    return { state: 'ready', words: countOf(project.models.length, 'model') }
  }

  function jobMark(job: Job | undefined, done: boolean, doneWords: string, noneWords: string): StepMark {
    if (job && isActive(job)) return { state: 'running', words: job.state === 'queued' ? 'queued' : 'running' }
    if (job?.state === 'failed') return { state: 'attention', words: 'failed' }
    return done ? { state: 'ready', words: doneWords } : { state: 'empty', words: noneWords }
  }

  function inspectMark(): StepMark {
    const mark = jobMark(
      jobs.latestHere('inspect'),
      inspect.complete,
      countOf(inspect.rows.length, 'layer'),
      'not computed',
    )
    if (mark.state === 'empty' && inspect.rows.length > 0) return { state: 'attention', words: 'not complete' }
    return mark.state === 'ready' && inspect.outdated ? { state: 'attention', words: 'out of date' } : mark
  }

  function tuneMark(): StepMark {
    if (project.specialists.length === 0) return { state: 'empty', words: 'no specialists' }
    const dropped = project.specialists.length - project.enabledSpecialists.length
    if (project.enabledSpecialists.length === 0) return { state: 'attention', words: 'all are dropped' }
    const problem = impossibleInTune()
    if (problem !== null) return { state: 'attention', words: problem }
    if (dropped > 0) return { state: 'ready', words: `${dropped} dropped` }
    return isTuned() ? { state: 'ready', words: 'all take part' } : { state: 'empty', words: 'not changed yet' }
  }

  /** What keeps these weights from being merged by this method, in few words; null where nothing does. */
  function impossibleInTune(): string | null {
    if (wrongCount(project.method, project.enabledSpecialists.length)) return 'not so many specialists'
    const taking = takingPart(project.models)
    if (taking.some((model) => negativeWeight(project.method, model))) return 'a negative weight'
    const problem = weightsProblem(project.project.method.name, project.models)
    return problem === null ? null : problem === 'over' ? 'shares above 100 %' : 'all weights are 0'
  }

  /** Whether anything is not as it is for models that have just been added. */
  function isTuned(): boolean {
    const { models, method } = project.project
    const isWeighed = models.some(
      ({ weight, blocks, layers, strengths }) =>
        weight !== 1 || Object.keys(blocks).length > 0 || layers.length > 0 || strengths !== undefined,
    )
    // Contributions that are kept change how a merge is made, not what it is.
    const { reuse: _reuse, ...chosen } = method
    const { reuse: _usual, ...usual } = USUAL_METHOD
    return isWeighed || JSON.stringify(chosen) !== JSON.stringify(usual)
  }

  /** An export of other models is none of this project, and one of other settings is not this merge. */
  function exportMark(): StepMark {
    const { job, isCurrent } = exports
    if (!job) return { state: 'empty', words: 'not exported' }
    if (isActive(job)) return { state: 'running', words: job.state === 'queued' ? 'queued' : 'running' }
    if (job.state === 'cancelled') return { state: 'empty', words: 'not exported' }
    if (!isCurrent) return { state: 'empty', words: 'changed since' }
    return job.state === 'failed' ? { state: 'attention', words: 'failed' } : { state: 'ready', words: 'exported' }
  }

  function evaluateMark(): StepMark {
    const measured = (['table', 'comparison'] as const).filter((of) => evaluate.results[of]?.summary != null)
    const current = measured.some((of) => evaluate.isCurrent(of) && evaluate.results[of]!.done)
    const mark = jobMark(jobs.latestHere('evaluate'), current, 'measured', 'not measured')
    if (mark.state !== 'empty' || measured.length === 0) return mark
    const isWhole = measured.some((of) => evaluate.results[of]!.done)
    return { state: 'attention', words: isWhole ? 'out of date' : 'not complete' }
  }

  function previewMark(): StepMark {
    const words = countOf(preview.pictures.length, 'picture')
    const mark = jobMark(jobs.latestHere('preview', null), preview.pictures.length > 0, words, 'no pictures')
    return mark.state === 'ready' && preview.staleOfRun ? { state: 'empty', words: 'other weights' } : mark
  }

  return computed(() => ({
    models: modelsMark(),
    inspect: inspectMark(),
    tune: tuneMark(),
    preview: previewMark(),
    evaluate: evaluateMark(),
    export: exportMark(),
  }))
}
