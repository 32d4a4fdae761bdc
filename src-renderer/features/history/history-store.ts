import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'
import type { HistoryEntry, HistoryKind, HistoryPage } from '../../../src-main/contract/history'
import type { Picture } from '../../../src-main/contract/preview'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'
import { useJobs } from '../jobs/jobs-store'
import { usePreview } from '../preview/preview-store'
import { useProject } from '../project/project-store'

const PAGE = 60
const MOST_AT_ONCE = 500
/** Letters and events that follow each other within this time ask once. */
const SETTLE = 200

/** What was made of the project's models: a page of it, what is open, and what is compared. */
export const useHistory = defineStore('history', () => {
  const session = useSession()
  const project = useProject()
  const notices = useNotices()
  const jobs = useJobs()
  const preview = usePreview()
  const search = ref('')
  const kind = ref<HistoryKind | 'all'>('all')
  /** null before the first answer. */
  const page = shallowRef<HistoryPage | null>(null)
  const opened = shallowRef<HistoryEntry | null>(null)
  /** At most two; they stay while other things are looked for. */
  const compared = shallowRef<readonly HistoryEntry[]>([])
  let followers = 0
  let asked = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  const entries = computed(() => page.value?.entries ?? [])
  /** Which models the project has, in whatever order specialists stand. */
  const family = computed(() => {
    const [base, ...others] = project.state?.project.models.map(({ path }) => path) ?? []
    return JSON.stringify([base, ...others.sort()])
  })

  /** A page of what is looked for; nothing where it was refused, or something else was asked for meanwhile. */
  async function ask(range: { limit: number; before?: number }): Promise<HistoryPage | undefined> {
    const mine = ++asked
    const query = { search: search.value, ...range, ...(kind.value !== 'all' && { kind: kind.value }) }
    const answer = await notices.attempt(() => session.invoke('history.list', query))
    return mine === asked ? answer : undefined
  }

  async function load(limit: number): Promise<void> {
    const answer = await ask({ limit })
    if (!answer) return
    page.value = answer
    const renewed = (entry: HistoryEntry): HistoryEntry => answer.entries.find(({ id }) => id === entry.id) ?? entry
    opened.value = opened.value && renewed(opened.value)
    compared.value = compared.value.map(renewed)
  }

  /** As many as there are now, or a page. */
  const reload = (): Promise<void> => load(Math.min(MOST_AT_ONCE, Math.max(PAGE, entries.value.length)))

  function soon(): void {
    if (followers === 0) return
    clearTimeout(timer)
    timer = setTimeout(() => void reload(), SETTLE)
  }

  session.onSnapshot(soon)
  session.onEvent(({ type }) => {
    if (type === 'history' || type === 'picture-run' || type === 'picture' || type === 'model-files') soon()
  })
  watch([search, kind], soon)
  watch(family, () => {
    // What was made of other models is not shown for a moment.
    page.value = null
    opened.value = null
    compared.value = []
    soon()
  })

  /** Keeps the list up to date; returns what ends that. */
  function follow(): () => void {
    followers++
    void reload()
    return () => void followers--
  }

  async function loadOlder(): Promise<void> {
    const before = entries.value.at(-1)?.time
    if (before === undefined) return
    const answer = await ask({ limit: PAGE, before })
    if (answer) page.value = { ...answer, entries: [...entries.value, ...answer.entries] }
  }

  /** Shows how an entry was made, in the place of a comparison. */
  function open(entry: HistoryEntry): void {
    opened.value = entry
    if (compared.value.length === 2) compared.value = []
  }

  function closeComparison(): void {
    compared.value = []
  }

  /** Of an entry's run, or those that its weights drew. */
  async function picturesOf(entry: HistoryEntry): Promise<Picture[]> {
    const answer = await notices.attempt(() => session.invoke('history.pictures', { id: entry.id }))
    return answer?.pictures ?? []
  }

  /** Of two that are compared, a third one takes the place of the first. */
  function compare(entry: HistoryEntry, on: boolean): void {
    const others = compared.value.filter(({ id }) => id !== entry.id)
    compared.value = on ? [...others, entry].slice(-2) : others
  }

  async function remove(entry: HistoryEntry): Promise<void> {
    if ((await notices.attempt(() => session.invoke('history.remove', { ids: [entry.id] }))) === undefined) return
    if (opened.value?.id === entry.id) opened.value = null
    compare(entry, false)
    await reload()
  }

  /** Draws the pictures of a run again, and shows them. @returns whether they are being drawn */
  async function drawAgain(entry: HistoryEntry): Promise<boolean> {
    await project.settled()
    const begun = await notices.attempt(() => session.invoke('history.drawAgain', { id: entry.id }))
    if (!begun) return false
    preview.addRun(begun.run)
    jobs.add(begun.job)
    if (!begun.isNew) notices.say('These pictures are being drawn already.')
    return true
  }

  return {
    ...{ search, kind, page, entries, opened, compared },
    ...{ follow, loadOlder, open, picturesOf, compare, closeComparison, remove, drawAgain },
  }
})
