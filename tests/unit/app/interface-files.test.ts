import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  CONTENT_SECURITY_POLICY,
  findInterfaceFile,
  readInterfaceFile,
  type InterfaceRoots,
} from '../../../src-main/app/files/interface-files'

let folder: string
let roots: InterfaceRoots

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'interface-'))
  roots = {
    renderer: join(folder, 'renderer'),
    pictures: join(folder, 'pictures'),
    tiles: join(folder, 'tiles'),
    live: join(folder, 'live'),
    cards: join(folder, 'cards'),
    shipped: join(folder, 'shipped'),
  }
  for (const name of ['renderer/assets', 'pictures', 'tiles/key', 'cards', 'shipped'])
    mkdirSync(join(folder, name), { recursive: true })
  for (const name of [
    'renderer/index.html',
    'renderer/assets/a.js',
    'pictures/p-1.png',
    'tiles/key/0.mean',
    'cards/c-1.png',
    'shipped/base.png',
    'secret',
  ]) {
    writeFileSync(join(folder, name), name)
  }
  symlinkSync(join(folder, 'secret'), join(roots.pictures, 'link.png'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('files by URL', () => {
  it.each([
    ['/', 'renderer/index.html', 'text/html; charset=utf-8', false, 'renderer/index.html'],
    ['/assets/a.js', 'renderer/assets/a.js', 'text/javascript; charset=utf-8', true, 'renderer/assets/a.js'],
    ['/files/pictures/p-1.png', 'pictures/p-1.png', 'image/png', true, 'pictures/p-1.png'],
    ['/files/cards/c-1.png', 'cards/c-1.png', 'image/png', true, 'cards/c-1.png'],
    ['/files/shipped/base.png', 'shipped/base.png', 'image/png', true, 'shipped/base.png'],
    ['/files/tiles/key/0.mean/6-16', 'tiles/key/0.mean', 'application/octet-stream', true, 'key/0.mean'],
  ])('%s is %s', async (url, name, contentType, immutable, bytes) => {
    const found = await findInterfaceFile(url, roots)
    expect(found).toMatchObject({ path: join(folder, name), contentType, immutable })
    // Every file here says its own name.
    expect(String(await readInterfaceFile(found!))).toBe(bytes)
  })

  it.each([
    '/../secret',
    '/%2e%2e/secret',
    '/assets/../../secret',
    '/assets/..%2f..%2fsecret',
    '/files/pictures/..%5c..%5csecret.png',
    '/files/pictures/link.png',
    '/files/cards/../secret',
    '/files/shipped/..%2fsecret',
    '/files/tiles/key/0.mean',
    '/files/tiles/key/0.mean/0-17',
    '/files/tiles/key/0.mean/4-4',
    '/files/tiles/key/0.mean/-4-4',
    '/files/tiles/key/0.mean/0-99999999999999999999',
    '/files/tiles/../../secret',
    '/assets/a.js%00',
    '/%',
    '//etc/passwd',
    '/nothing.js',
  ])('%s is nothing', async (url) => {
    expect(await findInterfaceFile(url, roots)).toBeNull()
  })

  it('never leaves its folders', async () => {
    const part = fc.constantFrom(
      '..',
      '.',
      'files',
      'pictures',
      'tiles',
      'assets',
      'secret',
      '%2e%2e',
      '%2f',
      '',
      'link.png',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 8 }), async (parts) => {
        const found = await findInterfaceFile(`/${parts.join('/')}`, roots)
        if (found) expect(found.path).not.toBe(join(folder, 'secret'))
        if (found) expect(Object.values(roots).some((root) => found.path.startsWith(root))).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('allows no inline scripts and nothing from elsewhere', () => {
    expect(CONTENT_SECURITY_POLICY).toMatch(/script-src 'self';/)
    expect(CONTENT_SECURITY_POLICY).not.toMatch(/https?:|\*|unsafe-eval/)
  })
})
