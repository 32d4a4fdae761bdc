import { useSession } from '../../bridge/session-store'

/** Pixels of a picture's shorter side: twice its size on the page. */
const EDGE = 96
/** As many are kept as a person scrolls through. */
const MOST_KEPT = 500

const kept = new Map<string, Promise<string | null>>()

/** Pictures of models, made small, as addresses for the page; null where one cannot be shown. */
export function useLibraryPictures(): (path: string) => Promise<string | null> {
  const session = useSession()

  async function load(path: string): Promise<string | null> {
    try {
      const { type, base64 } = await session.invoke('library.thumbnail', { path })
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
      return await smaller(new Blob([bytes], { type }))
    } catch {
      // A model without a picture is shown all the same.
      return null
    }
  }

  return (path) => {
    const known = kept.get(path)
    if (known) return known
    const loading = load(path)
    kept.set(path, loading)
    if (kept.size > MOST_KEPT) forgetOldest()
    return loading
  }
}

/** A small copy: originals have megabytes. */
async function smaller(picture: Blob): Promise<string> {
  const whole = await createImageBitmap(picture)
  const scale = EDGE / Math.min(whole.width, whole.height)
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = EDGE
  const [width, height] = [whole.width * scale, whole.height * scale]
  canvas.getContext('2d')!.drawImage(whole, (EDGE - width) / 2, (EDGE - height) / 2, width, height)
  whole.close()
  return canvas.toDataURL('image/webp', 0.85)
}

function forgetOldest(): void {
  const [oldest] = kept.keys()
  if (oldest !== undefined) kept.delete(oldest)
}
