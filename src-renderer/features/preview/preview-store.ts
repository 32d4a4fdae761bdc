import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { FusionError } from '../../../src-main/contract/errors'
import type { Picture, PictureSettings, PngSettings, Variant } from '../../../src-main/contract/preview'
import type { PreviewSettings } from '../../../src-main/contract/document/project'
import { compareSeeds, type Seed } from '../../../src-main/contract/values/seed'
import { useSession } from '../../bridge/session-store'
import { formatBytes } from '../../shared/format'
import { useNotices } from '../../shared/notices/notices-store'
import { useCatalog } from '../catalog/catalog-store'
import { isActive, useJobs } from '../jobs/jobs-store'
import { useProject } from '../project/project-store'

const PAGE = 200
const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
/** As base64 it is what the command takes. */
const MAX_PNG_BYTES = 18 * 2 ** 20
/** Order of the columns. */
const TYPES: readonly Variant['type'][] = ['base', 'model', 'soup', 'merge', 'last-merge', 'without']

/** What a run was asked for, so that pictures that are not drawn yet have their cells. */
interface Plan {
  variants: Variant[]
  prompts: string[]
  seeds: Seed[]
}

export function variantKey(variant: Variant): string {
  return 'name' in variant ? `${variant.type}:${variant.name}` : variant.type
}

/** Pictures that were made, and the next ones to make. */
export const usePreview = defineStore('preview', () => {
  const session = useSession()
  const project = useProject()
  const jobs = useJobs()
  const notices = useNotices()
  const catalog = useCatalog()
  const byId = ref(new Map<string, Picture>())
  const plans = shallowRef(new Map<string, Plan>())
  const chosen = ref<Variant[]>([{ type: 'base' }, { type: 'merge' }])
  /** Job whose pictures are shown; null: the newest. */
  const shownRun = ref<string | null>(null)
  const more = ref(false)

  session.onSnapshot(() => void load())
  session.onEvent((event) => {
    if (event.type === 'picture') byId.value.set(event.picture.id, event.picture)
  })

  async function load(before?: number): Promise<void> {
    const input = before === undefined ? { limit: PAGE } : { limit: PAGE, before }
    const answer = await notices.attempt(() => session.invoke('preview.history', input))
    for (const picture of answer?.pictures ?? []) byId.value.set(picture.id, picture)
    more.value = answer?.pictures.length === PAGE
  }

  const pictures = computed(() => [...byId.value.values()].sort((a, b) => b.time - a.time))
  const loadOlder = (): Promise<void> => load(pictures.value.at(-1)?.time)
  /** Jobs that made pictures or will, newest first. */
  const runs = computed(() => {
    const known = new Map<string, number>()
    for (const job of jobs.newestFirst) if (job.kind === 'preview') known.set(job.id, job.createdAt)
    for (const { job, time } of pictures.value) if (!known.has(job)) known.set(job, time)
    return [...known].map(([id, time]) => ({ id, time })).sort((a, b) => b.time - a.time)
  })
  const run = computed(() => runs.value.find(({ id }) => id === shownRun.value) ?? runs.value[0])
  const running = computed(() => {
    const job = run.value ? jobs.byId.get(run.value.id) : undefined
    return job !== undefined && isActive(job)
  })
  const picturesOfRun = computed(() => pictures.value.filter(({ job }) => job === run.value?.id))
  const planOfRun = computed<Plan>(() => {
    const plan = run.value ? plans.value.get(run.value.id) : undefined
    return plan ?? planOf(picturesOfRun.value)
  })

  function toggle(variant: Variant): void {
    const key = variantKey(variant)
    const without = chosen.value.filter((one) => variantKey(one) !== key)
    chosen.value = without.length < chosen.value.length ? without : [...chosen.value, variant]
  }

  /** The chosen variants whose models are still there. */
  const runnable = computed(() => {
    const names = new Set(project.specialists.map(({ name }) => name))
    const order = project.specialists.map(({ name }) => name)
    const place = (variant: Variant): number =>
      TYPES.indexOf(variant.type) * 1000 + ('name' in variant ? order.indexOf(variant.name) : 0)
    return chosen.value
      .filter((variant) => !('name' in variant) || names.has(variant.name))
      .sort((a, b) => place(a) - place(b))
  })

  async function start(): Promise<void> {
    await project.settled()
    const { prompts, seeds } = project.project.preview
    const variants = runnable.value
    if (variants.length === 0 || prompts.length === 0 || seeds.length === 0) return
    await notices.attempt(async () => {
      const { job } = await session.invoke('preview.run', { variants })
      plans.value = new Map(plans.value).set(job.id, { variants, prompts: [...prompts], seeds: [...seeds] })
      jobs.add(job)
      shownRun.value = job.id
    })
  }

  async function forget(ids: string[]): Promise<void> {
    if ((await notices.attempt(() => session.invoke('preview.forget', { ids }))) === undefined) return
    for (const id of ids) byId.value.delete(id)
  }

  /** Takes the settings of a picture over into the project. */
  function adopt(settings: PictureSettings | PngSettings): void {
    const now = project.project.preview
    const change: Partial<PreviewSettings> = {
      prompts: [settings.prompt],
      negativePrompt: settings.negativePrompt,
      seeds: settings.seed === null ? now.seeds : [settings.seed],
      steps: settings.steps ?? now.steps,
      guidance: settings.guidance ?? now.guidance,
      scheduler: settings.scheduler ?? now.scheduler,
    }
    project.editPreview(change, 'Use the settings of a picture')
  }

  async function adoptPng(file: File): Promise<void> {
    await notices.attempt(async () => {
      await checkPng(file)
      const { settings } = await session.invoke('preview.readPng', { base64: await base64Of(file) })
      if (!settings) return notices.say(`${file.name} contains no settings.`)
      adopt(settings)
      notices.say([`The settings of ${file.name} are in use.`, remarkOn(settings)].join(' ').trim())
    })
  }

  /** What of a picture's settings is not in use, in words. */
  function remarkOn({ sampler, scheduler, schedule }: PngSettings): string {
    const now = catalog.schedulers.find(({ name }) => name === project.project.preview.scheduler)
    if (sampler !== null && scheduler === null) {
      return `The sampler ${sampler} is not available: the scheduler stays ${now?.title ?? 'as it is'}.`
    }
    return schedule === null ? '' : `Its ${schedule} noise levels are not used: previews use the model's own.`
  }

  return {
    pictures,
    runs,
    run,
    running,
    picturesOfRun,
    planOfRun,
    chosen,
    runnable,
    shownRun,
    more,
    loadOlder,
    toggle,
    start,
    forget,
    adopt,
    adoptPng,
  }
})

function planOf(pictures: readonly Picture[]): Plan {
  const variants = new Map(pictures.map(({ settings }) => [variantKey(settings.variant), settings.variant]))
  return {
    variants: [...variants.values()].reverse(),
    prompts: [...new Set(pictures.map(({ settings }) => settings.prompt))].reverse(),
    seeds: [...new Set(pictures.map(({ settings }) => settings.seed))].sort(compareSeeds),
  }
}

/** @throws FusionError for a file that the host would not take */
async function checkPng(file: File): Promise<void> {
  if (file.size > MAX_PNG_BYTES) {
    throw new FusionError('unsupported', `${file.name} is larger than ${formatBytes(MAX_PNG_BYTES)}.`, {
      hint: 'Drop the original file; enlarged copies usually contain no settings.',
    })
  }
  const start = new Uint8Array(await file.slice(0, PNG_SIGNATURE.length).arrayBuffer())
  if (PNG_SIGNATURE.every((byte, index) => start[index] === byte)) return
  throw new FusionError('malformed', `${file.name} is not a PNG picture, although its name says so.`, {
    hint: 'Only original PNG files contain settings; other formats and copies lose them.',
  })
}

async function base64Of(file: File): Promise<string> {
  const url = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(reader.result as string)
    reader.onerror = () => reject(reader.error ?? new Error(`${file.name} cannot be read`))
    reader.readAsDataURL(file)
  })
  return url.slice(url.indexOf(',') + 1)
}
