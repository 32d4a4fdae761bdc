import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { encodePng } from '../../../src-main/engine/image/png'
import { put, putText, SHAPES } from '../engine/library/library-trees'
import { inWords } from '../engine/library/listing'
import { TestServer } from './server'

const png = Buffer.from(encodePng({ width: 1, height: 1, channels: 3, data: new Uint8Array(3) }))

let server: TestServer
beforeEach(async () => {
  server = await TestServer.start()
  vi.stubEnv('HF_HUB_CACHE', join(server.folder, 'hub'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await server.close()
})

describe('the model library of serve', () => {
  it('lists the folders of the settings, with pictures', async () => {
    put(server.allowed, 'webui/models/Stable-diffusion/dream.safetensors')
    putText(server.allowed, 'webui/models/Stable-diffusion/dream.preview.png', png)
    expect(await server.invoke('library.list', {})).toEqual({ folders: [], entries: [], notes: [], suggestions: [] })
    await server.invoke('settings.set', { modelFolders: [join(server.allowed, 'webui')] })
    const { entries, folders } = await server.invoke('library.list', {})
    expect(inWords(entries)).toEqual(['dream: checkpoint SD 1.x'])
    expect(folders).toMatchObject([{ program: 'webui', models: 1, problem: null }])
    const picture = await server.invoke('library.thumbnail', { path: entries[0]!.thumbnail! })
    expect(picture).toEqual({ type: 'image/png', base64: png.toString('base64') })
    expect(existsSync(join(server.folder, 'cache', 'library.json'))).toBe(true)
  })

  it("proposes Hugging Face's cache where it is there and allowed", async () => {
    mkdirSync(join(server.folder, 'hub'))
    expect((await server.invoke('library.list', {})).suggestions).toEqual([])
    const hub = join(server.allowed, 'hub')
    mkdirSync(hub)
    vi.stubEnv('HF_HUB_CACHE', hub)
    expect((await server.invoke('library.list', {})).suggestions).toEqual([{ path: hub, program: 'hugging-face' }])
    await server.invoke('settings.set', { modelFolders: [hub] })
    expect((await server.invoke('library.list', {})).suggestions).toEqual([])
  })

  it('lists, shows and hashes nothing that lies outside the allowed folders', async () => {
    const outside = join(server.folder, 'outside')
    const secret = put(outside, 'secret.safetensors', SHAPES.lora)
    writeFileSync(join(outside, 'secret.png'), png)
    const comfy = join(server.allowed, 'comfy')
    put(comfy, 'models/checkpoints/own.safetensors')
    putText(
      comfy,
      'extra_model_paths.yaml',
      `a:\n  checkpoints: ${outside}\nb:\n  base_path: ../../outside\n  loras: .\n`,
    )
    if (process.platform !== 'win32') {
      symlinkSync(secret, join(comfy, 'models/checkpoints/link.safetensors'))
      symlinkSync(outside, join(comfy, 'models/checkpoints/folder'))
    }
    await server.invoke('settings.set', { modelFolders: [comfy] })
    const listing = await server.invoke('library.list', {})
    expect(inWords(listing.entries)).toEqual(['own: checkpoint SD 1.x'])
    expect(JSON.stringify(listing)).not.toContain('secret')
    for (const [name, input] of [
      ['library.thumbnail', { path: join(outside, 'secret.png') }],
      ['library.thumbnail', { path: join(outside, 'nothing.png') }],
      ['library.hash', { paths: [secret] }],
    ] as const)
      expect(JSON.stringify(await server.command(name, input))).toContain('lies outside the folders')
  })

  it('hashes files while no job runs, one event for each, and stops when it is told', async () => {
    const paths = ['a', 'b', 'c'].map((name) => put(server.allowed, `${name}.safetensors`, SHAPES.lora))
    const broken = join(server.allowed, 'nothing.safetensors')
    await server.invoke('settings.set', { modelFolders: [server.allowed] })
    const found: string[] = []
    let waiting = -1
    const end = server.running.studio.events.listen(({ event }) => {
      if (event.type !== 'library-hashes') return
      found.push(...event.hashes.map(({ path }) => path))
      waiting = event.waiting
    })
    await server.invoke('library.hash', { paths: [paths[0]!, broken, paths[1]!] })
    await vi.waitUntil(() => waiting === 0, { timeout: 20_000 })
    end()
    expect(found).toEqual([paths[0], paths[1]])
    const { entries } = await server.invoke('library.list', {})
    expect(entries.map(({ sha256 }) => sha256 !== null)).toEqual([true, true, false])
  })
})
