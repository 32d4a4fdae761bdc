import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { COMMANDS, type CommandName } from '../../src-main/contract/protocol/commands'
import type { Picture } from '../../src-main/contract/preview'
import type { Reply } from '../../src-main/contract/protocol/wire'
import { encodePng } from '../../src-main/engine/image/png'
import { tensor, writeModel } from '../unit/engine/merge/models'
import { TestServer } from '../unit/server/server'
import { closeSockets, makeSpecial, SPECIAL_FILES } from '../unit/special-files'

/** Commands that write to a path that they are given, each as it replaces what is there. */
const WRITING = {
  'export.start': (path: string) => ({ path, overwrite: true }),
  'export.fuse': (path: string) => ({ path, overwrite: true }),
  'preview.saveAs': (path: string) => ({ id: 'picture', path, overwrite: true }),
  'project.save': (path: string) => ({ path, overwrite: true }),
  'calibration.start': (path: string) => ({ path, overwrite: true }),
} satisfies Partial<Record<CommandName, (path: string) => object>>
type Writing = keyof typeof WRITING
const NAMES = Object.keys(WRITING) as Writing[]
const ENDING: Partial<Record<Writing, string>> = { 'preview.saveAs': 'png', 'project.save': 'fusion.json' }
const endingOf = (command: Writing): string => ENDING[command] ?? 'safetensors'

/**
 * Commands with paths that write nothing there. `settings.set` names the folder of the program's own cache;
 * `export.removeUnfinished` removes only what has a temporary name beside the path (tests/unit/server/unfinished.test.ts).
 */
const NOT_WRITING: ReadonlySet<string> = new Set([
  'export.removeUnfinished',
  'files.makeFolder', // it replaces nothing: below
  ...['export.verify', 'project.open', 'project.restore', 'project.forgetRecent', 'models.describe', 'models.metadata'],
  ...['files.list', 'files.showInFolder', 'settings.set', 'library.thumbnail', 'library.hash'],
])

const png = encodePng({ width: 1, height: 1, channels: 3, data: new Uint8Array(3) })
const picture: Picture = {
  ...{
    id: 'picture',
    job: 'job',
    time: 1,
    width: 1,
    height: 1,
    url: 'files/pictures/picture.png',
    merge: null,
    sources: [],
    cell: null,
  },
  settings: {
    ...{
      variant: { type: 'base' },
      prompt: 'x',
      negativePrompt: '',
      seed: 1,
      steps: 1,
      guidance: 1,
      scheduler: 'ddim',
    },
  },
}

let data: string
let server: TestServer
/** Models of the project, inside the allowed folder. */
let models: string[]
/** What lies in the server's folders: which files they are, and kinds of everything else. */
let before: Record<string, string>

beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'host-writers-'))
  mkdirSync(join(data, 'previews'))
  writeFileSync(join(data, 'previews', 'picture.png'), png)
  writeFileSync(join(data, 'previews', 'picture.json'), JSON.stringify(picture))
  server = await TestServer.start({ dataFolder: data })
})
afterAll(async () => {
  await server.close()
  closeSockets()
  rmSync(data, { recursive: true, force: true })
})

beforeEach(async () => {
  models = ['base', 'specialist'].map((name, value) =>
    writeModel(join(server.allowed, 'models', `${name}.safetensors`), { 'a.weight': tensor([2, 2], [value, 1, 2, 3]) }),
  )
  writeFileSync(join(server.folder, 'outside.png'), png)
  mkdirSync(join(server.folder, 'outside'))
  await server.invoke('project.new', {})
  await server.invoke('project.edit', {
    edits: [{ type: 'add-models', models: models.map((path) => ({ path })) }],
    label: 'Add',
  })
  before = contents()
})
afterEach(() => {
  for (const name of readdirSync(server.allowed)) rmSync(join(server.allowed, name), { recursive: true })
  for (const name of ['outside.png', 'outside']) rmSync(join(server.folder, name), { recursive: true })
})

function contents(): Record<string, string> {
  const places = ['allowed', 'outside', 'outside.png'].map((name) => join(server.folder, name))
  const found = places.flatMap((place) =>
    lstatSync(place).isDirectory()
      ? [place, ...readdirSync(place, { recursive: true, encoding: 'utf8' }).map((name) => join(place, name))]
      : [place],
  )
  return Object.fromEntries(
    found.map((path) => {
      const { mode, ino, size, mtimeMs } = lstatSync(path)
      return [path, lstatSync(path).isFile() ? `${ino} ${size} ${mtimeMs}` : String(mode)]
    }),
  )
}

/** Runs a command to its end, or its job's. @returns its error; null where it succeeded */
async function errorOf(command: Writing, path: string): Promise<{ kind: string; message: string } | null> {
  const reply: Reply = await server.command(command, WRITING[command](path))
  if (!reply.ok) return reply.error
  const { job } = reply.value as { job?: { id: string } }
  if (!job) return null
  for (;;) {
    const { jobs } = await server.invoke('jobs.list', {})
    const found = jobs.find(({ id }) => id === job.id)!
    if (found.endedAt !== null) return found.error ?? null
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** It says that, and why, and nothing has changed. */
async function refuses(command: Writing, path: string, words: RegExp = /./): Promise<void> {
  const error = await errorOf(command, path)
  expect(error, `${command} ${path}`).toMatchObject({ message: expect.stringMatching(words) })
  // Whole models never become one adapter: that can be said before the target is looked at.
  const others = command === 'export.fuse' ? ['incompatible'] : []
  expect(['target', 'validation', 'unreadable', ...others]).toContain(error!.kind)
}

it('every command with a path is known to write there or not', () => {
  const withPaths = Object.entries(COMMANDS).flatMap(([name, { input }]) =>
    Object.keys(input.shape).some((key) => /path|folder|file/i.test(key)) ? [name] : [],
  )
  expect(withPaths.filter((name) => !(name in WRITING) && !NOT_WRITING.has(name))).toEqual([])
  expect([...NAMES, ...NOT_WRITING].filter((name) => !withPaths.includes(name))).toEqual([])
})

describe.each(NAMES)('%s', (command) => {
  const ending = endingOf(command)

  it('does not replace an allowed folder, even an empty one, or what holds it', async () => {
    for (const path of [server.allowed, `${server.allowed}/`, join(server.allowed, 'x', '..')])
      await refuses(command, path, /allowed folder|outside the folders|names a folder/)
    for (const path of [server.folder, '/', tmpdir()])
      await refuses(command, path, /outside the folders|names a folder/)
    expect(contents()).toEqual(before)
  })

  it.each(SPECIAL_FILES)('does not replace a %s', async (kind) => {
    const path = await makeSpecial(kind, server.allowed, `special.${ending}`)
    before = contents()
    await refuses(command, path)
    expect(contents()).toEqual(before)
  })

  it('writes through no link', async () => {
    const links = { missing: 'outside/new.png', file: 'outside.png', folder: 'outside', inside: 'allowed/models' }
    for (const [name, target] of Object.entries(links))
      symlinkSync(join(server.folder, target), join(server.allowed, `${name}.${ending}`))
    symlinkSync(models[0]!, join(server.allowed, `model.${ending}`))
    before = contents()
    for (const name of [...Object.keys(links), 'model', `folder.${ending}/new`, `missing.${ending}/new`])
      await refuses(command, join(server.allowed, `${name}.${ending}`))
    expect(contents()).toEqual(before)
  })

  it('leaves folders and files of somebody', async () => {
    const photos = join(server.allowed, `photos.${ending}`)
    mkdirSync(photos)
    writeFileSync(join(photos, 'a.jpg'), 'mine')
    writeFileSync(join(server.allowed, `words.${ending}`), 'mine')
    before = contents()
    await refuses(command, photos, /as a folder/)
    await refuses(command, join(server.allowed, `words.${ending}`), /not replaced/)
    await refuses(command, join(server.allowed, `words.${ending}`, 'x'))
    expect(contents()).toEqual(before)
  })

  it('leaves the models of the project', async () => {
    for (const path of models) {
      if (path.endsWith(ending)) await refuses(command, path)
      // It gets its own ending, and stands beside the model.
      else expect(await errorOf(command, path)).toBeNull()
    }
    const now = contents()
    for (const path of models) expect(now[path]).toBe(before[path])
  })

  it('does not replace what it may without being told', async () => {
    const path = join(server.allowed, `own.${ending}`)
    writeFileSync(path, '')
    before = contents()
    expect(await server.command(command, { ...WRITING[command](path), overwrite: false })).toMatchObject({
      ok: false,
      error: { kind: 'target', message: expect.stringMatching(/exists already/) },
    })
    expect(contents()).toEqual(before)
  })
})

it.each(['export.start', 'preview.saveAs', 'project.save'] as const)('%s replaces what it wrote', async (command) => {
  const name = `own.${endingOf(command)}`
  for (let run = 0; run < 2; run++) expect(await errorOf(command, join(server.allowed, name))).toBeNull()
  expect(readdirSync(server.allowed).sort()).toEqual(['models', name])
})

it('export.start replaces a folder only while nothing but its own export lies in it', async () => {
  await server.invoke('project.demo', {})
  await refuses('export.start', server.allowed, /allowed folder/)
  const path = join(server.allowed, 'merge')
  mkdirSync(path)
  writeFileSync(join(path, 'thesis.odt'), 'mine')
  await refuses('export.start', path, /"thesis.odt"/)
  rmSync(join(path, 'thesis.odt'))
  for (let run = 0; run < 2; run++) expect(await errorOf('export.start', path)).toBeNull()
  writeFileSync(join(path, 'unet', 'notes.txt'), 'mine')
  const exported = contents()
  await refuses('export.start', path, /"unet\/notes.txt"/)
  await refuses('export.start', join(path, 'unet'), /no export of this program/)
  expect(contents()).toEqual(exported)
})

it('names as long as the system allows are written', async () => {
  for (const command of ['export.start', 'preview.saveAs', 'project.save'] as const) {
    const ending = `.${endingOf(command)}`
    const name = `${'x'.repeat(255 - ending.length)}${ending}`
    expect(await errorOf(command, join(server.allowed, name))).toBeNull()
    expect(readdirSync(server.allowed).sort()).toEqual(['models', name])
    rmSync(join(server.allowed, name))
  }
})

it('a folder is made where a client may write, through no link, and in the place of nothing', async () => {
  symlinkSync(join(server.folder, 'outside'), join(server.allowed, 'link'))
  writeFileSync(join(server.allowed, 'file'), 'mine')
  before = contents()
  for (const name of [
    '',
    '.',
    'models',
    'file',
    'link',
    'link/new',
    'file/new',
    '../outside/new',
    'a:b',
    'nul',
    'end.',
  ])
    expect(await server.command('files.makeFolder', { path: join(server.allowed, name) }), name).toMatchObject({
      ok: false,
      error: { kind: expect.stringMatching(/target|validation/) },
    })
  expect(contents()).toEqual(before)
  await server.invoke('files.makeFolder', { path: join(server.allowed, 'new') })
  expect(lstatSync(join(server.allowed, 'new')).isDirectory()).toBe(true)
})

it('a document that was left by an earlier session is saved only where a client may write', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'host-writers-'))
  const outside = join(folder, 'mine.fusion.json')
  try {
    const { project } = (await server.invoke('app.snapshot', {})).project
    mkdirSync(join(folder, 'data'))
    const left = { project, path: outside, title: 'mine', dirty: true, closed: false }
    writeFileSync(join(folder, 'data', 'autosave.json'), JSON.stringify(left))
    writeFileSync(outside, JSON.stringify(project))
    const text = readFileSync(outside, 'utf8')
    const restarted = await TestServer.start({ dataFolder: join(folder, 'data') })
    try {
      expect(await restarted.command('project.save', {})).toMatchObject({ ok: false, error: { kind: 'validation' } })
    } finally {
      await restarted.close()
    }
    expect(readFileSync(outside, 'utf8')).toBe(text)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
