import { onScopeDispose, ref, shallowRef, watch } from 'vue'
import type { LiveState } from '../../../src-main/contract/preview'

/** A complete grid stays this long while the next one is drawn: faster drawing never shows a gap. */
const HOLD_MS = 600

type LivePicture = LiveState['pictures'][number]

/** A place of the grid as it is shown; `image` is decoded, null where there is no picture yet. */
export interface ShownPicture extends Pick<LivePicture, 'prompt' | 'seed'> {
  image: HTMLImageElement | null
}

/**
 * The live grid, changed as a whole and only by pictures that can be painted at once. Like the host's, it never holds
 * pictures of two states.
 */
export function useDecodedGrid(pictures: () => readonly LivePicture[]) {
  const shown = shallowRef<readonly ShownPicture[]>([])
  /** Whether newer pictures than those shown are still decoded. */
  const behind = ref(false)
  let taken = 0
  let latest = 0
  let partialSince: number | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  async function take(next: readonly LivePicture[]): Promise<void> {
    const mine = ++taken
    behind.value = true
    const images = await decodeAll(next)
    if (mine < latest) return
    // Pictures of a state that is past may be gone from the disk.
    if (!images) return caughtUp(mine)
    const grid = next.map(({ prompt, seed }, place) => ({ prompt, seed, image: images[place]! }))
    const now = performance.now()
    if (isWhole(grid)) partialSince = null
    else partialSince ??= now
    clearTimeout(timer)
    const show = (): void => {
      latest = mine
      shown.value = grid
      caughtUp(mine)
    }
    const held = partialSince !== null && samePlaces(shown.value, grid) ? HOLD_MS - (now - partialSince) : 0
    if (held > 0 && isWhole(shown.value)) timer = setTimeout(show, held)
    else show()
  }

  function caughtUp(mine: number): void {
    if (mine === taken) behind.value = false
  }

  watch(pictures, (next) => void take(next), { immediate: true })
  onScopeDispose(() => clearTimeout(timer))
  return { shown, behind }
}

/** Those that are shown already are in the browser's memory. null where one cannot be had. */
async function decodeAll(pictures: readonly LivePicture[]): Promise<(HTMLImageElement | null)[] | null> {
  try {
    return await Promise.all(
      pictures.map(async ({ url }) => {
        if (url === null) return null
        const image = new Image()
        image.src = url
        await image.decode()
        return image
      }),
    )
  } catch {
    return null
  }
}

function isWhole(grid: readonly ShownPicture[]): boolean {
  return grid.length > 0 && grid.every(({ image }) => image !== null)
}

function samePlaces(a: readonly ShownPicture[], b: readonly ShownPicture[]): boolean {
  return a.length === b.length && a.every(({ prompt, seed }, at) => prompt === b[at]!.prompt && seed === b[at]!.seed)
}
