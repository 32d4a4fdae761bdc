import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CommandName } from '../../../src-main/contract/protocol/commands'
import { MAX_BODY_BYTES } from '../../../src-main/server/http'
import { family } from '../demo-family'
import { TestServer } from './server'

let server: TestServer
let outside: string

beforeAll(async () => {
  server = await TestServer.start()
  outside = join(server.folder, 'outside.safetensors')
  writeFileSync(outside, '')
})
afterAll(() => server.close())

/** Resolves with the HTTP status that refused the socket, or 'open'. */
function socketStatus(headers: Record<string, string>): Promise<number | 'open'> {
  const socket = server.socket('0', { headers })
  return new Promise((resolve) => {
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode!))
    socket.on('error', () => undefined)
    socket.on('open', () => {
      socket.close()
      resolve('open')
    })
  })
}

describe('who may talk to the server', () => {
  it('listens on 127.0.0.1', () => {
    expect(server.url.hostname).toBe('127.0.0.1')
  })

  it('turns the token of the URL into a cookie that scripts and other sites cannot use', async () => {
    const answer = await server.send(`${server.url.pathname}${server.url.search}`)
    expect(answer).toMatchObject({ status: 303, headers: { location: '/' } })
    expect(answer.headers['set-cookie']).toEqual([`${server.cookie}; HttpOnly; SameSite=Strict; Path=/`])
    const page = await server.send('/', { headers: { cookie: server.cookie } })
    expect(page).toMatchObject({ status: 200, text: '<!doctype html>' })
    expect(page.headers['content-security-policy']).toMatch(/script-src 'self';/)
  })

  it('refuses whoever has no token, or a wrong one', async () => {
    const name = server.cookie.split('=')[0]
    for (const cookie of [
      '',
      `${name}=`,
      `${name}=${'a'.repeat(32)}`,
      server.cookie.replace('featurefusion', 'other'),
    ]) {
      expect((await server.send('/', { headers: { cookie } })).status).toBe(401)
      const headers = { cookie, 'content-type': 'application/json' }
      expect((await server.send('/api/app.snapshot', { method: 'POST', headers, body: '{}' })).status).toBe(401)
      expect(await socketStatus({ cookie })).toBe(401)
    }
    expect((await server.send(`/?token=${'a'.repeat(32)}`)).status).toBe(401)
    expect((await server.send(`/index.html${server.url.search}`)).status).toBe(401)
  })

  it('refuses a foreign Host, even with the token (DNS rebinding)', async () => {
    for (const host of ['evil.example', `evil.example:${server.url.port}`, '127.0.0.1', '127.0.0.1:1']) {
      const headers = { cookie: server.cookie, host }
      expect((await server.send('/', { headers })).status).toBe(403)
      expect((await server.send(server.url.pathname + server.url.search, { headers })).status).toBe(403)
      expect(await socketStatus(headers)).toBe(403)
    }
    const local = { cookie: server.cookie, host: `localhost:${server.url.port}` }
    expect((await server.send('/', { headers: local })).status).toBe(200)
  })

  it('refuses a foreign Origin, even with the token', async () => {
    for (const origin of ['http://evil.example', 'null', `https://${server.url.host}`, 'http://127.0.0.1:1']) {
      const headers = { cookie: server.cookie, origin, 'content-type': 'application/json' }
      expect((await server.send('/api/app.snapshot', { method: 'POST', headers, body: '{}' })).status).toBe(403)
      expect(await socketStatus({ cookie: server.cookie, origin })).toBe(403)
    }
    const origin = `http://${server.url.host}`
    expect(await server.command('app.snapshot', {}, { origin })).toMatchObject({ ok: true })
    expect(await socketStatus({ cookie: server.cookie, origin })).toBe('open')
  })

  it('takes no commands by GET, as text, or longer than its limit', async () => {
    const headers = { cookie: server.cookie, 'content-type': 'text/plain' }
    expect((await server.send('/api/project.new', { headers })).status).toBe(405)
    expect((await server.send('/api/project.new', { method: 'POST', headers, body: '{}' })).status).toBe(400)
    const long = JSON.stringify({ path: 'a'.repeat(MAX_BODY_BYTES) })
    const json = { cookie: server.cookie, 'content-type': 'application/json' }
    const status = await server.send('/api/project.open', { method: 'POST', headers: json, body: long }).then(
      (answer) => answer.status,
      // The server may close before all of it was sent.
      (error: NodeJS.ErrnoException) => error.code,
    )
    expect([413, 'EPIPE', 'ECONNRESET']).toContain(status)
    expect(await server.command('app.snapshot', {})).toMatchObject({ ok: true })
  })
})

describe('which paths may be named', () => {
  const edit = (path: string) => ({ edits: [{ type: 'add-models', models: [{ path }] }], label: 'Add' })
  const project = (path: string, key: 'path' | 'vae') => ({
    edits: [{ type: 'set-output', output: { layout: 'same', dtype: 'same', include: ['unet'], [key]: path } }],
    label: 'Output',
  })
  const named: [CommandName, (path: string) => unknown][] = [
    ['project.open', (path) => ({ path })],
    ['project.save', (path) => ({ path })],
    ['project.restore', (path) => ({ path })],
    ['project.edit', edit],
    ['project.edit', (path) => project(path, 'path')],
    ['project.edit', (path) => project(path, 'vae')],
    ['files.list', (path) => ({ path })],
    ['files.showInFolder', (path) => ({ path })],
    ['export.start', (path) => ({ path })],
    ['preview.saveAs', (path) => ({ id: 'any', path })],
    ['settings.set', (path) => ({ cacheFolder: path })],
    ['settings.set', (path) => ({ modelFolders: [path] })],
  ]

  it.each(named)('%s refuses what lies outside', async (command, input) => {
    symlinkSync(server.folder, join(server.allowed, `link-${Math.random()}`))
    const paths = ['/', '/etc/passwd', outside, `${server.allowed}/../outside.safetensors`, `${server.allowed}-more`]
    for (const path of paths) {
      expect(await server.command(command, input(path))).toMatchObject({
        ok: false,
        error: { kind: 'validation', message: expect.stringContaining('outside the folders') },
      })
    }
  })

  it('follows links before it decides', async () => {
    const link = join(server.allowed, 'way-out')
    symlinkSync(server.folder, link)
    for (const path of [link, join(link, 'outside.safetensors'), join(link, 'not-there-yet', 'deep')]) {
      expect(await server.command('project.edit', edit(path))).toMatchObject({ error: { kind: 'validation' } })
    }
  })

  it('refuses a project file that names models outside', async () => {
    const file = join(server.allowed, 'sly.fusion.json')
    const document = { format: 'featurefusion-project', version: 1, models: [{ name: 'sly', path: outside }] }
    writeFileSync(file, JSON.stringify(document))
    expect(await server.command('project.open', { path: file })).toMatchObject({ error: { kind: 'validation' } })
  })

  it('says what is wrong with a model outside, and reads but never writes the demo', async () => {
    const demo = server.running.studio.options.demoFolder
    const { models } = await server.invoke('models.describe', { paths: [outside, family.base.path] })
    expect(models.map(({ error }) => error?.kind)).toEqual(['validation', undefined])
    expect(await server.command('export.start', { path: join(demo, 'mine') })).toMatchObject({
      error: { kind: 'validation' },
    })
  })

  it('lists folders from the allowed ones down', async () => {
    const { roots } = await server.invoke('files.roots', {})
    expect(roots.map(({ name }) => name)).toEqual(['allowed', 'demo'])
    const { parent, entries } = await server.invoke('files.list', { path: roots[1]!.path })
    expect(parent).toBeNull()
    expect(entries.find(({ name }) => name === family.base.name)).toMatchObject({ kind: 'model-folder' })
    const inner = await server.invoke('files.list', { path: join(roots[1]!.path, family.specialists[0]!.name) })
    expect(inner).toMatchObject({ parent: roots[1]!.path, entries: [{ name: 'unet', kind: 'model-folder' }] })
  })
})
