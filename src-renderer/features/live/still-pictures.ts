import { computed, type ComputedRef } from 'vue'
import type { Picture } from '../../../src-main/contract/preview'
import { compareSeeds } from '../../../src-main/contract/values/seed'
import { listOf } from '../../shared/format'
import { useCards } from '../models/cards-store'
import { usePreview } from '../preview/preview-store'
import { useProject } from '../project/project-store'

export interface StillPictures {
  /** What they are. */
  words: string
  /** Whether they were drawn with other weights than the merge has now. */
  stale: boolean
  pictures: { url: string; caption: string; alt: string }[]
}

/** Of the merge's pictures, as many as there are live. */
const MOST_MERGED = 4

/** What there is to see while no live pictures are drawn: the merge's last pictures, else what the models draw themselves. */
export function useStillPictures(): ComputedRef<StillPictures | null> {
  const project = useProject()
  const preview = usePreview()
  const cards = useCards()

  const merged = computed<StillPictures | null>(() => {
    const ofMerge = preview.pictures.filter(({ settings, cell }) => settings.variant.type === 'merge' && cell === null)
    const own = ofMerge.filter(({ job }) => job === ofMerge[0]!.job)
    if (own.length === 0) return null
    const stale = own.some(preview.isStale)
    const { prompts } = project.project.preview
    const placeOf = ({ settings }: Picture): number => prompts.indexOf(settings.prompt)
    return {
      words: stale ? 'Last drawn in Preview, with other weights.' : 'Drawn in Preview with these weights.',
      stale,
      pictures: own
        .sort((a, b) => placeOf(a) - placeOf(b) || compareSeeds(a.settings.seed, b.settings.seed))
        .slice(0, MOST_MERGED)
        .map(({ url, settings: { prompt, seed } }) => {
          return { url, caption: `${prompt}, seed ${seed}`, alt: `Last drawn: ${prompt}, seed ${seed}` }
        }),
    }
  })

  const ofModels = computed<StillPictures | null>(() => {
    const drawn = project.enabledSpecialists.flatMap(({ name, path }) => {
      const picture = cards.cardOf(path)?.picture
      return picture && 'url' in picture ? [{ name, path, ...picture }] : []
    })
    if (drawn.length === 0) return null
    const prompts = cards.promptsOf(drawn.map(({ path }) => path))
    return {
      words: `What specialists draw by themselves for ${listOf(prompts)}.`,
      stale: false,
      pictures: drawn.map(({ url, name, prompt }) => ({ url, caption: name, alt: `${name} draws “${prompt}”` })),
    }
  })

  return computed(() => merged.value ?? ofModels.value)
}
