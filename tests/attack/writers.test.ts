import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { encodePng } from '../../src-main/engine/image/png'
import { temporaryFolder } from '../unit/engine/merge/models'
import { closeSockets, makeSpecial, SPECIAL_FILES } from '../unit/special-files'
import { CommandLine } from './support/command-line'
import { commandLineHere, runHere } from './support/command-here'
import {
  INPUT_OPTIONS,
  jobCommands,
  makeModels,
  OUTPUT_OPTIONS,
  photo,
  png,
  project,
  type Models,
  type OutputOption,
} from './support/output-options'

let place: string
let models: Models
beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'writers-'))
  models = makeModels(join(place, 'models'))
  const { home, cache, data } = new CommandLine(join(place, 'program'))
  vi.stubEnv('HOME', home)
  vi.stubEnv('FEATUREFUSION_CACHE', cache)
  vi.stubEnv('FEATUREFUSION_DATA', data)
  for (const command of jobCommands(models)) expect(await runHere(command)).toMatchObject({ code: 0 })
})
afterAll(() => {
  vi.unstubAllEnvs()
  closeSockets()
  rmSync(place, { recursive: true, force: true })
})

/** All that lies in a folder: which files they are (not opened: models are large), and where links point to. */
function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  return Object.fromEntries(
    names.map((name) => {
      const path = join(folder, name)
      const found = lstatSync(path)
      if (found.isFile()) return [name, `file ${found.ino} of ${found.size} bytes, changed at ${found.ctimeMs}`]
      return [name, found.isSymbolicLink() ? `link to ${readlinkSync(path)}` : String(found.mode)]
    }),
  )
}

/** Runs a command (--json) that has to refuse its target, in words, with nothing changed in `folder`. */
async function refused(folder: string, args: string[]): Promise<string> {
  const before = contents(folder)
  const { code, stdout, stderr } = await runHere(args)
  expect({ code, report: JSON.parse(stdout) as unknown }).toMatchObject({
    code: 1,
    report: { error: { kind: 'target' } },
  })
  expect(contents(folder)).toEqual(before)
  return stderr
}

const named = (options: readonly OutputOption[]) => options.map((option) => ({ name: option.option, ...option }))
const merge = OUTPUT_OPTIONS.find(({ option, writes }) => option === 'merge --out' && writes === 'file')!

it('every option of the command line with a path is known to be one of input or output', async () => {
  const { commands } = await commandLineHere()
  const options = commands.flatMap((command) =>
    command.options.flatMap(({ flags, long }) =>
      /<[^>]*(path|file|dir|folder|png|csv|json)[^>]*>/i.test(flags) ? [`${command.name()} ${long}`] : [],
    ),
  )
  const outputs = new Set(OUTPUT_OPTIONS.map(({ option }) => option))
  expect(options.filter((option) => !outputs.has(option) && !INPUT_OPTIONS.has(option))).toEqual([])
  expect([...outputs].filter((option) => !options.includes(option))).toEqual([])
})

describe.each(named(OUTPUT_OPTIONS))('$name (writes: $writes)', ({ writes, args, suffix = '' }) => {
  it.each(SPECIAL_FILES)('does not replace a %s or write through it', async (kind) => {
    const folder = temporaryFolder()
    const target = await makeSpecial(kind, folder, `target${suffix}`)
    await refused(folder, args(models, target))
    await refused(folder, args(models, join(target, `inside${suffix}`)))
  })

  it('does not take a file for a folder', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'notes'), 'mine')
    await refused(folder, args(models, join(folder, 'notes', `x${suffix}`)))
    if (writes !== 'file') await refused(folder, args(models, join(folder, 'notes')))
  })
})

describe.each(named(OUTPUT_OPTIONS.filter(({ writes }) => writes !== 'into folder')))(
  '$name (writes: $writes)',
  ({ writes, args, suffix = '', own, replacesModels }) => {
    it('leaves a folder with other things in it, and says what they are', async () => {
      const folder = temporaryFolder()
      const target = join(folder, `photos${suffix}`)
      mkdirSync(join(target, '2024'), { recursive: true })
      for (const name of ['2024/a.jpg', '.profile', 'thesis.odt']) writeFileSync(join(target, name), name)
      const said = await refused(folder, args(models, target))
      if (writes === 'folder') for (const name of ['.profile', '2024', 'thesis.odt']) expect(said).toContain(name)
      else expect(said).toMatch(/as a folder/)
    })

    it('leaves files of other kinds', async () => {
      const folder = temporaryFolder()
      const target = join(folder, `target${suffix}`)
      const others: (Uint8Array | string)[] = ['mine\n', 'day,expense\r\n1,2\r\n', png(), photo(), project()]
      if (!replacesModels) others.push(readFileSync(models.small[0]))
      for (const bytes of others) {
        if (own && Buffer.from(own()).equals(Buffer.from(bytes))) continue
        writeFileSync(target, bytes)
        expect(await refused(folder, args(models, target))).toMatch(writes === 'folder' ? /as a file/ : /not replaced/)
      }
    })

    it('neither follows nor replaces a link', async () => {
      const [folder, outside] = [temporaryFolder(), temporaryFolder()]
      if (writes === 'folder') mkdirSync(join(outside, 'own'))
      else writeFileSync(join(outside, 'own'), own?.() ?? '')
      symlinkSync(join(outside, 'own'), join(folder, `link${suffix}`))
      const before = contents(outside)
      expect(await refused(folder, args(models, join(folder, `link${suffix}`)))).toMatch(/is a link/)
      expect(contents(outside)).toEqual(before)
    })
  },
)

describe.each(named(OUTPUT_OPTIONS.filter(({ writes, suffix }) => writes !== 'into folder' && suffix === undefined)))(
  '$name (writes: $writes)',
  ({ args }) => {
    it('leaves a home, the current folder, the root, and their parents', async () => {
      for (const target of [homedir(), dirname(homedir()), process.cwd(), dirname(process.cwd()), '/'])
        await refused(place, args(models, target))
    })

    it('leaves what it reads, and the folders around', async () => {
      const { base, specialist, data } = models
      const [weights, config] = ['diffusion_pytorch_model.safetensors', 'config.json'].map((name) =>
        join(base, 'unet', name),
      )
      const read = [config!, join(data, 'evaluation.json'), base, specialist, data, dirname(base)]
      for (const target of [...read, weights!]) await refused(place, args(models, target))
    })
  },
)

it.each(named(OUTPUT_OPTIONS.filter(({ replacesModels }) => replacesModels)))(
  '$name leaves the files that it reads, whatever name leads to them',
  async ({ args, readsOne }) => {
    const folder = temporaryFolder()
    const [first] = models.small
    const read = readsOne ? [first] : models.small
    symlinkSync(dirname(first), join(folder, 'link'))
    for (const target of [...read, join(first, 'x.safetensors'), join(folder, 'link', 'model-1.safetensors')])
      await refused(place, args(models, target))
  },
)

describe('a second run replaces', () => {
  it('the file of the first, unasked', async () => {
    const out = join(temporaryFolder(), 'merge.safetensors')
    for (let run = 0; run < 2; run++) {
      const args = merge.args(models, out).filter((arg) => arg !== '--overwrite')
      expect(await runHere(args)).toMatchObject({ code: 0 })
    }
    expect(readdirSync(dirname(out))).toEqual(['merge.safetensors'])
  })

  it('the folder of the first, unasked, until something else lies in it', async () => {
    const folder = temporaryFolder()
    const out = join(folder, 'merge')
    const { base, specialist } = models
    const args = ['merge', '--base', base, '--specialist', specialist, '--method', 'soup', '--json', '--out', out]
    expect(await runHere(args)).toMatchObject({ code: 0 })
    const first = Object.keys(contents(out))
    expect(await runHere(args)).toMatchObject({ code: 0 })
    expect(Object.keys(contents(out))).toEqual(first)
    expect(readdirSync(folder)).toEqual(['merge'])
    writeFileSync(join(out, 'unet', 'notes.txt'), 'mine')
    expect(await refused(folder, [...args, '--overwrite'])).toContain('unet/notes.txt')
  })

  it.each(['inspect --png', 'generate --out'])('the picture of the first: %s', async (wanted) => {
    const folder = temporaryFolder()
    const { args } = OUTPUT_OPTIONS.find(({ option, writes }) => option === wanted && writes === 'file')!
    for (let run = 0; run < 2; run++)
      expect(await runHere(args(models, join(folder, 'picture.png')))).toMatchObject({ code: 0 })
    expect(readdirSync(folder)).toEqual(['picture.png'])
  })
})

describe('a picture that is read stays', () => {
  it('where generate starts from it', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'picture.png')
    writeFileSync(path, encodePng({ width: 8, height: 8, channels: 3, data: new Uint8Array(192) }))
    const args = ['generate', '--model', models.base, '--prompt', 'x', '--image', path, '--json', '--out', path]
    expect(await refused(folder, args)).toMatch(/which is read/)
  })

  it('where evaluate measures on it', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'a.png')
    writeFileSync(path, png())
    writeFileSync(join(folder, 'a.txt'), 'caption')
    const args = ['evaluate', '--model', models.base, '--data', folder, '--json', '--png', path]
    expect(await refused(folder, args)).toMatch(/which is read/)
  })
})

it('demo leaves what lies where its merge and its contact sheet would', async () => {
  const folder = temporaryFolder()
  const args = ['demo', '--device', 'cpu', '--json', '--out', folder]
  mkdirSync(join(folder, 'featurefusion'))
  writeFileSync(join(folder, 'featurefusion', 'thesis.odt'), 'mine')
  expect(await refused(folder, args)).toContain('thesis.odt')
  writeFileSync(join(folder, 'contact-sheet.png'), 'mine')
  expect(await refused(folder, args)).toContain('not a PNG')
})

it.each(['plan.json', 'output', 'shares'])(
  'plan leaves a folder with %s in it that is no plan, or a link',
  async (name) => {
    const [folder, outside] = [temporaryFolder(), temporaryFolder()]
    const args = ['plan', '--base', models.small[0], '--specialist', models.small[1], '--json', '--overwrite', '--out']
    writeFileSync(join(folder, name), 'mine')
    expect(await refused(folder, [...args, folder])).toContain(name)
    rmSync(join(folder, name))
    symlinkSync(join(outside, name), join(folder, name))
    expect(await refused(folder, [...args, folder])).toContain('link')
    expect(readdirSync(outside)).toEqual([])
  },
)

it('the built program ends with 1, and a model that is named as a table stays', async () => {
  const before = contents(place)
  const [model] = models.small
  const args = ['evaluate', '--model', models.base, '--data', models.data, '--csv', model]
  const ended = await new CommandLine(join(place, 'program')).run(args)
  expect(ended).toMatchObject({ code: 1, hung: false, stderr: expect.stringMatching(/^Error: .*not replaced/) })
  expect(contents(place)).toEqual(before)
})
