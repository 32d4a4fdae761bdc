import { protocol } from 'electron'
import {
  CONTENT_SECURITY_POLICY,
  findInterfaceFile,
  readInterfaceFile,
  type InterfaceRoots,
} from '../app/files/interface-files'

const SCHEME = 'featurefusion'
export const APP_ORIGIN = `${SCHEME}://studio`

/** Before Electron is ready: the interface's own scheme is a standard, secure one. */
export function registerAppScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } },
  ])
}

/** Serves the built interface, pictures and tiles; nothing outside their folders. */
export function serveAppScheme(roots: () => InterfaceRoots): void {
  protocol.handle(SCHEME, async ({ url, method }) => {
    const { host, pathname } = new URL(url)
    const file = host === 'studio' && method === 'GET' ? await findInterfaceFile(pathname, roots()) : null
    if (!file) return new Response('Not found', { status: 404 })
    return new Response(await readInterfaceFile(file), {
      headers: {
        'content-type': file.contentType,
        'content-security-policy': CONTENT_SECURITY_POLICY,
        'x-content-type-options': 'nosniff',
        'cache-control': file.immutable ? 'max-age=31536000, immutable' : 'no-store',
      },
    })
  })
}
