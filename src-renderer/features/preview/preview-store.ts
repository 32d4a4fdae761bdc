import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'
import {
  mergeOfVariant,
  mergeText,
  readMergeText,
  weightsKey,
} from '../../../src-main/contract/document/merge-settings'
import type { PreviewSettings } from '../../../src-main/contract/document/project'
import type { ErrorReport } from '../../../src-main/contract/errors'
import type { Picture, PictureRun, PictureSettings, PngSettings } from '../../../src-main/contract/preview'
import { compareSeeds } from '../../../src-main/contract/values/seed'
import { DEFAULT_VARIANTS, variantKey, type Variant } from '../../../src-main/contract/values/variant'
import { useSession } from '../../bridge/session-store'
import { countOf, listOf } from '../../shared/format'
import { keptRef } from '../../shared/kept-ref'
import { useNotices } from '../../shared/notices/notices-store'
import { useCatalog } from '../catalog/catalog-store'
import { isActive, useJobs } from '../jobs/jobs-store'
import { useProject } from '../project/project-store'
import { editsOfMerge } from './adopt-merge'
import { pngAsBase64 } from './dropped-png'

const PAGE = 200
/** Order of the columns. */
const TYPES: readonly Variant['type'][] = ['base', 'model', 'soup', 'with', 'merge', 'last-merge', 'without']

/** Pictures that were made of the project's models, and the next ones to make. */
export const usePreview = defineStore('preview', () => {
  const session = useSession()
  const project = useProject()
  const jobs = useJobs()
  const notices = useNotices()
  const catalog = useCatalog()
  const byId = ref(new Map<string, Picture>())
  const runsById = ref(new Map<string, PictureRun>())
  const mode = keptRef<'pictures' | 'grid'>('preview-mode', 'pictures', ['pictures', 'grid'])
  /** Job whose pictures are shown; null: the newest. */
  const shownRun = ref<string | null>(null)
  const more = ref(false)
  /** Why the models cannot draw with these settings. */
  const problem = shallowRef<ErrorReport | null>(null)

  session.onSnapshot(() => void load())
  session.onEvent((event) => {
    if (event.type === 'picture') byId.value.set(event.picture.id, event.picture)
    else if (event.type === 'picture-run') runsById.value.set(event.run.id, event.run)
  })

  async function load(before?: number): Promise<void> {
    const input = before === undefined ? { limit: PAGE } : { limit: PAGE, before }
    const answer = await notices.attempt(() => session.invoke('preview.history', input))
    for (const run of answer?.runs ?? []) runsById.value.set(run.id, run)
    for (const picture of answer?.pictures ?? []) byId.value.set(picture.id, picture)
    more.value = answer?.pictures.length === PAGE
  }

  /** The host's project, whose models it compares the pictures' with. */
  const paths = computed(() => JSON.stringify(project.state?.project.models.map(({ path }) => path) ?? []))
  const settings = computed(() => project.state?.project.preview)
  watch(paths, () => {
    shownRun.value = null
    void load()
  })
  // One source each: a new list of them would count as a change with every state of the project.
  watch([paths, () => settings.value?.steps, () => settings.value?.scheduler], async () => {
    const asked = paths.value
    const answer =
      asked === '[]' ? { problem: null } : await session.invoke('preview.check', {}).catch(() => ({ problem: null }))
    if (asked === paths.value) problem.value = answer.problem
  })

  function isOfProject({ sources }: Pick<Picture, 'sources'>): boolean {
    if (sources.length === 0 || sources[0]!.path !== project.base?.path) return false
    return sources.every(({ path }) => project.models.some((model) => model.path === path))
  }

  const pictures = computed(() => [...byId.value.values()].filter(isOfProject).sort((a, b) => b.time - a.time))
  const loadOlder = (): Promise<void> => load(pictures.value.at(-1)?.time)
  /** Grids of the project, newest first. */
  const grids = computed(() =>
    [...runsById.value.values()].filter((one) => one.grid !== null && isOfProject(one)).sort((a, b) => b.time - a.time),
  )
  /** Jobs that made pictures or will, but grids, newest first. */
  const runs = computed(() => {
    const known = new Map<string, number>()
    for (const run of runsById.value.values()) if (run.grid === null && isOfProject(run)) known.set(run.id, run.time)
    for (const { job, time, cell } of pictures.value) if (cell === null && !known.has(job)) known.set(job, time)
    return [...known].map(([id, time]) => ({ id, time })).sort((a, b) => b.time - a.time)
  })
  const run = computed(() => runs.value.find(({ id }) => id === shownRun.value) ?? runs.value[0])
  const running = computed(() => {
    const job = run.value ? jobs.byId.get(run.value.id) : undefined
    return job !== undefined && isActive(job)
  })
  const picturesOfRun = computed(() => pictures.value.filter(({ job }) => job === run.value?.id))
  const planOfRun = computed(() => runsById.value.get(run.value?.id ?? '') ?? planOf(picturesOfRun.value))

  /** What the weights of every variant are now, by its key. */
  const keysNow = computed(() => {
    const now = project.project
    const found = new Map<string, string | null>()
    return (variant: Variant): string | null => {
      const key = variantKey(variant)
      if (!found.has(key)) {
        const merge = mergeOfVariant(now, variant)
        found.set(key, merge && weightsKey(merge))
      }
      return found.get(key)!
    }
  })
  const keysOfTexts = new Map<string, string | null>()

  /** Whether a picture was drawn with other weights than its column has now. */
  function isStale({ merge: text, settings, cell }: Picture): boolean {
    const now = text === null || cell !== null ? null : keysNow.value(settings.variant)
    if (now === null || text === null) return false
    if (!keysOfTexts.has(text)) {
      const merge = readMergeText(text)
      keysOfTexts.set(text, merge && weightsKey(merge))
    }
    return keysOfTexts.get(text) !== now
  }
  const staleOfRun = computed(() => picturesOfRun.value.some(isStale))

  const chosen = computed(() => project.project.preview.variants ?? DEFAULT_VARIANTS)
  /** Whether pictures were drawn by another merge than this one. */
  const hasLastMerge = computed(() => {
    const now = mergeText(project.project)
    return pictures.value.some(({ merge }) => merge !== null && merge !== now)
  })

  /** Whether the project has the variant: merges with and without a model differ from the merge as it is. */
  function isThere(variant: Variant): boolean {
    if (variant.type === 'last-merge') return hasLastMerge.value
    if (!('name' in variant)) return true
    const model = project.specialists.find(({ name }) => name === variant.name)
    return model !== undefined && (variant.type === 'model' || model.enabled === (variant.type === 'without'))
  }

  /** The chosen variants that are still there. */
  const runnable = computed(() => {
    const order = project.specialists.map(({ name }) => name)
    const place = (variant: Variant): number =>
      TYPES.indexOf(variant.type) * 1000 + ('name' in variant ? order.indexOf(variant.name) : 0)
    return chosen.value.filter(isThere).sort((a, b) => place(a) - place(b))
  })

  const wanted = computed(
    () => runnable.value.length * project.project.preview.prompts.length * project.project.preview.seeds.length,
  )
  const canDraw = computed(() => wanted.value > 0 && problem.value === null)
  /** How many pictures there are to draw, or why there are none. */
  const wantedWords = computed(() => {
    if (project.project.preview.prompts.length === 0) return 'Write a prompt on the right.'
    if (runnable.value.length === 0) return 'On the right, choose which models draw.'
    return problem.value?.message ?? `${countOf(wanted.value, 'picture')} to draw`
  })

  /** Chooses variants, or takes them back. */
  function choose(variants: readonly Variant[], on: boolean): void {
    const keys = new Set(variants.map(variantKey))
    const others = chosen.value.filter((one) => !keys.has(variantKey(one)))
    project.editPreview({ variants: on ? [...others, ...variants] : others }, 'Drawn by')
  }

  /** As many new seeds. */
  function rollSeeds(): void {
    const { seeds } = project.project.preview
    project.editPreview({ seeds: [...crypto.getRandomValues(new Uint32Array(seeds.length || 1))] }, 'Roll seeds')
  }

  const start = (): Promise<void> => draw(runnable.value)

  /** Draws the merge with each of these specialists back, which it dropped, and as it is. */
  function drawDropped(names: readonly string[]): Promise<void> {
    mode.value = 'pictures'
    return draw([...names.map((name) => ({ type: 'with' as const, name })), { type: 'merge' }])
  }

  async function draw(variants: readonly Variant[]): Promise<void> {
    if (project.project.preview.rollsSeeds && canDraw.value) rollSeeds()
    await project.settled()
    const { prompts, seeds } = project.project.preview
    if (variants.length === 0 || prompts.length === 0 || seeds.length === 0) return
    await notices.attempt(async () => {
      const { job, run: begun, isNew } = await session.invoke('preview.run', { variants: [...variants] })
      runsById.value.set(begun.id, begun)
      jobs.add(job)
      shownRun.value = job.id
      if (!isNew) notices.say('These pictures are being drawn already.')
    })
  }

  async function forget(ids: string[]): Promise<void> {
    if ((await notices.attempt(() => session.invoke('preview.forget', { ids }))) === undefined) return
    for (const id of ids) byId.value.delete(id)
  }

  function addRun(run: PictureRun): void {
    runsById.value.set(run.id, run)
  }

  /** Takes a cell of a grid over into the project: its weights and method, and what the grid drew it with. */
  function adoptCell({ settings, merge, job }: Picture): void {
    const { prompt, seed, steps, guidance, scheduler, variant } = settings
    const drawn = runsById.value.get(job)
    const preview: PreviewSettings = {
      ...project.project.preview,
      ...{ steps, guidance, scheduler },
      ...(drawn && drawn.prompts.length > 1 && { prompts: [prompt] }),
      ...(drawn && drawn.seeds.length > 1 && { seeds: [seed] }),
    }
    const weights = merge === null ? [] : editsOfMerge(project.project, merge)
    if (weights.length === 0) preview.variants = [variant]
    project.edit('Use a cell of a grid', [...weights, { type: 'set-preview', preview }])
  }

  /** Takes the settings of a picture over into the project, with the weights of the merge that drew it. */
  function adopt(settings: PictureSettings | PngSettings, merge: string | null): void {
    const now = project.project.preview
    const preview: PreviewSettings = {
      ...now,
      // What it was drawn with has the style in it.
      ...(now.book && { book: { ...now.book, style: null } }),
      prompts: [settings.prompt],
      negativePrompt: settings.negativePrompt,
      seeds: settings.seed === null ? now.seeds : [settings.seed],
      steps: settings.steps ?? now.steps,
      guidance: settings.guidance ?? now.guidance,
      scheduler: settings.scheduler ?? now.scheduler,
    }
    const weights = merge === null ? [] : editsOfMerge(project.project, merge)
    project.edit('Use the settings of a picture', [...weights, { type: 'set-preview', preview }])
  }

  async function adoptPng(file: File): Promise<void> {
    await notices.attempt(async () => {
      const { settings } = await session.invoke('preview.readPng', { base64: await pngAsBase64(file) })
      if (!settings) return notices.say(`${file.name} contains no settings.`)
      adopt(settings, settings.merge)
      notices.say([`The settings of ${file.name} are in use.`, ...remarksOn(settings)].join(' '))
    })
  }

  /** What of a picture's settings is not in use, and whether its weights are, in words. */
  function remarksOn({ sampler, scheduler, schedule, merge, missing }: PngSettings): string[] {
    const now = catalog.schedulers.find(({ name }) => name === project.project.preview.scheduler)
    const remarks: string[] = []
    if (sampler !== null && scheduler === null)
      remarks.push(`The sampler ${sampler} is not available: the scheduler stays ${now?.title ?? 'as it is'}.`)
    else if (schedule !== null) remarks.push(`Its ${schedule} noise levels are not used: previews use the model's own.`)
    if (merge !== null) remarks.push('So are the weights of its merge.')
    if (missing.length > 0) remarks.push(`Its merge also has ${listOf(missing)}, which this project does not have.`)
    return remarks
  }

  return {
    mode,
    pictures,
    runs,
    run,
    running,
    picturesOfRun,
    planOfRun,
    problem,
    isStale,
    staleOfRun,
    grids,
    addRun,
    adoptCell,
    chosen,
    runnable,
    isThere,
    canDraw,
    wantedWords,
    shownRun,
    more,
    loadOlder,
    choose,
    rollSeeds,
    start,
    drawDropped,
    forget,
    adopt,
    adoptPng,
  }
})

function planOf(pictures: readonly Picture[]): Pick<PictureRun, 'variants' | 'prompts' | 'seeds'> {
  const variants = new Map(pictures.map(({ settings }) => [variantKey(settings.variant), settings.variant]))
  return {
    variants: [...variants.values()].reverse(),
    prompts: [...new Set(pictures.map(({ settings }) => settings.prompt))].reverse(),
    seeds: [...new Set(pictures.map(({ settings }) => settings.seed))].sort(compareSeeds),
  }
}
