import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import type { LiveState } from '../../../src-main/contract/preview'
import { useSession } from '../../bridge/session-store'
import { keepEqual } from '../../shared/keep-equal'
import { useNotices } from '../../shared/notices/notices-store'
import { pictureCopy } from '../../shared/picture-copy'
import { useProject } from '../project/project-store'

type LivePicture = LiveState['pictures'][number]

/** The live pictures as the host reports them. Kept apart from the project, so that their events do not update the sliders. */
export const useLive = defineStore('live', () => {
  const session = useSession()
  const project = useProject()
  const notices = useNotices()
  const state = shallowRef<LiveState | null>(null)
  /** What was asked for and is not answered yet. */
  const asked = ref<boolean | null>(null)
  /** Pictures that are kept to be compared with. */
  const pinned = shallowRef<readonly LivePicture[] | null>(null)

  session.onSnapshot(({ live }) => take(live))
  session.onEvent((event) => {
    if (event.type === 'live') take(event.live)
  })

  function take(next: LiveState): void {
    state.value = keepEqual(state.value, next)
  }

  const on = computed(() => asked.value ?? (state.value !== null && state.value.stage !== 'off'))

  async function turn(wanted: boolean): Promise<void> {
    asked.value = wanted
    await project.settled()
    await notices.attempt(async () => take(await session.invoke('preview.live', { on: wanted })))
    asked.value = null
  }

  /** Keeps what is shown, as A. */
  async function pin(): Promise<void> {
    const shown = state.value?.pictures.filter(({ url }) => url !== null) ?? []
    await notices.attempt(async () => {
      pinned.value = await Promise.all(
        shown.map(async (picture) => ({ ...picture, url: await pictureCopy(picture.url!) })),
      )
    })
  }

  function unpin(): void {
    pinned.value = null
  }

  return { state, on, pinned, turn, pin, unpin }
})
