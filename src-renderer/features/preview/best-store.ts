import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { SCORERS, type ScorerName } from '../../../src-main/contract/evaluate/scores/scorers'
import { chosenScorers } from '../../../src-main/contract/evaluate/scores/scores'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'
import { isActive, useJobs } from '../jobs/jobs-store'
import { useProject } from '../project/project-store'
import { ranksOf } from './best-of'
import { usePreview } from './preview-store'

/** Which of the shown pictures are the best of their prompts, by a scorer. */
export const useBest = defineStore('best', () => {
  const session = useSession()
  const notices = useNotices()
  const jobs = useJobs()
  const project = useProject()
  const preview = usePreview()
  const wanted = ref<ScorerName | ''>('')
  const hidesOthers = ref(false)

  /** Those whose files are chosen, and those that have scored these pictures. */
  const scorers = computed(() => {
    const chosen = chosenScorers(project.project.evaluation.scorers)
    return SCORERS.filter(
      (name) => chosen.includes(name) || preview.picturesOfRun.some(({ scores }) => scores?.[name] !== undefined),
    )
  })
  const scorer = computed(() => scorers.value.find((name) => name === wanted.value) ?? null)
  const ranks = computed(() =>
    scorer.value === null ? new Map<string, never>() : ranksOf(preview.picturesOfRun, scorer.value),
  )
  /** Pictures that it has not scored yet. */
  const unscored = computed(() =>
    scorer.value === null ? [] : preview.picturesOfRun.filter(({ scores }) => scores?.[scorer.value!] === undefined),
  )
  const isHiding = computed(() => hidesOthers.value && ranks.value.size > 0)
  const job = computed(() => jobs.latestHere('score-pictures'))
  const running = computed(() => job.value !== undefined && isActive(job.value))
  /** Whether its files are there to score with. */
  const canScore = computed(() => scorer.value !== null && project.project.evaluation.scorers[scorer.value] !== null)

  function isBest(id: string): boolean {
    return ranks.value.get(id)?.rank === 1
  }

  /** Chooses a scorer, and has it score what it has not. */
  async function choose(name: ScorerName | ''): Promise<void> {
    wanted.value = name
    if (unscored.value.length > 0 && canScore.value && !preview.running) await score()
  }

  /** All pictures of the run, so that all of their scores are of the same files. */
  async function score(): Promise<void> {
    const name = scorer.value
    const ids = preview.picturesOfRun.map(({ id }) => id)
    if (name === null || ids.length === 0) return
    await project.settled()
    const started = await notices.attempt(() => session.invoke('preview.score', { scorer: name, ids }))
    if (started) jobs.add(started.job)
  }

  return {
    ...{ scorers, scorer, ranks, unscored, hidesOthers, isHiding, job, running, canScore },
    ...{ isBest, choose, score },
  }
})
