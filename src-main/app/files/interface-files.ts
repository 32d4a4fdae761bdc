import { realpath, stat } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'
import { openRegularFile } from '../../engine/files/reading/regular-file'
import type { Cache } from '../../project/cache'

/** Where the interface finds pictures and tiles, relative to its root. */
export const PICTURES_URL = 'files/pictures/'
export const TILES_URL = 'files/tiles/'
export const LIVE_URL = 'files/live/'
export const CARDS_URL = 'files/cards/'
export const SHIPPED_URL = 'files/shipped/'

/**
 * What the interface may do: nothing from elsewhere, no inline scripts. Style attributes are set by the libraries that
 * place menus and lists.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
  '.woff2': 'font/woff2',
}

export interface InterfaceRoots {
  /** The built interface. */
  renderer: string
  pictures: string
  tiles: string
  /** Pictures of live previews. */
  live: string
  /** Pictures of the project's models. */
  cards: string
  /** The demo's, drawn in advance. */
  shipped: string
}

/** @param cache as the settings name it now */
export function interfaceRoots(
  {
    history,
    cache,
    shippedPictures,
  }: { history: { folder: string }; cache: Pick<Cache, 'tiles' | 'live' | 'cards'>; shippedPictures: string },
  renderer: string,
): InterfaceRoots {
  return {
    renderer,
    pictures: history.folder,
    tiles: cache.tiles,
    live: cache.live,
    cards: cache.cards,
    shipped: shippedPictures,
  }
}

export interface InterfaceFile {
  path: string
  contentType: string
  /** Never changes under this name. */
  immutable: boolean
  /** The bytes that are meant, `end` left out. */
  start: number
  end: number
}

/**
 * The file that a URL's path stands for, both hosts alike; null where it stands for none. Nothing outside the
 * roots is ever found, whatever the path says and wherever links point.
 * @param pathname percent-encoded, with its leading slash
 */
export async function findInterfaceFile(pathname: string, roots: InterfaceRoots): Promise<InterfaceFile | null> {
  const parts = decodedParts(pathname)
  if (!parts) return null
  const name = parts.join('/')
  if (name.startsWith(PICTURES_URL)) return inside(roots.pictures, name.slice(PICTURES_URL.length), /^[\w-]+\.png$/)
  if (name.startsWith(CARDS_URL)) return inside(roots.cards, name.slice(CARDS_URL.length), /^[\w-]+\.png$/)
  if (name.startsWith(SHIPPED_URL)) return inside(roots.shipped, name.slice(SHIPPED_URL.length), /^[\w-]+\.png$/)
  if (name.startsWith(LIVE_URL)) return inside(roots.live, name.slice(LIVE_URL.length), /^[\w-]+\/[\w-]+\.png$/)
  if (name.startsWith(TILES_URL)) {
    const [, file, start, end] = /^(.*)\/(\d+)-(\d+)$/.exec(name.slice(TILES_URL.length)) ?? []
    const found = file === undefined ? null : await inside(roots.tiles, file, /^[\w-]+\/\d+\.(mean|max)$/)
    const [from, to] = [Number(start), Number(end)]
    return found && from < to && to <= found.end ? { ...found, start: from, end: to } : null
  }
  return inside(roots.renderer, name || 'index.html', /^(assets\/)?[\w-][\w.-]*$/)
}

/** The bytes that are meant. */
export async function readInterfaceFile({ path, start, end }: InterfaceFile): Promise<Buffer<ArrayBuffer>> {
  const file = await openRegularFile(path)
  try {
    const bytes = Buffer.alloc(end - start)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, start)
    return bytes.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

function decodedParts(pathname: string): string[] | null {
  try {
    const parts = decodeURIComponent(pathname).split('/').slice(1)
    return parts.some((part) => part === '..' || part === '.' || /[\\\0:]/.test(part)) ? null : parts
  } catch {
    return null
  }
}

async function inside(root: string, name: string, allowed: RegExp): Promise<InterfaceFile | null> {
  if (!allowed.test(name)) return null
  try {
    const path = await realpath(join(root, name))
    if (!path.startsWith((await realpath(root)) + sep)) return null
    const contentType = CONTENT_TYPES[extname(path)] ?? 'application/octet-stream'
    const entry = await stat(path)
    if (!entry.isFile()) return null
    const { size } = entry
    return { path, contentType, immutable: !name.endsWith('.html'), start: 0, end: size }
  } catch {
    return null
  }
}
