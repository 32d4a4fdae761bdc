import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { AtomicOutput } from '../../../../src-main/engine/files/writing/atomic-output'
import { EXPORT_FOLDER, MANIFEST_NAME, writeManifest } from '../../../../src-main/engine/files/writing/export-manifest'
import { csvFile } from '../../../../src-main/engine/files/writing/file-kinds'
import { PNG_FILE } from '../../../../src-main/engine/image/png-file'
import { checkTarget, checkTargetOutsideSources } from '../../../../src-main/engine/files/writing/target'
import { writeOutput } from '../../../../src-main/engine/files/writing/write-output'
import { exportKind } from '../../../../src-main/engine/merge/plan/export/export-target'
import { closeSockets, makeSpecial, SPECIAL_FILES } from '../../special-files'
import { temporaryFolder, tensor, writeModel } from '../merge/models'

const PNG = Buffer.from('89504e470d0a1a0a00', 'hex')
const file = { kind: PNG_FILE, overwrite: true }
const folderRule = { kind: EXPORT_FOLDER, overwrite: true }
const refusal = (words: RegExp) => ({ kind: 'target', message: expect.stringMatching(words) })
afterAll(closeSockets)

/** A folder as an export leaves it. */
async function makeExport(path: string): Promise<string> {
  mkdirSync(join(path, 'unet'), { recursive: true })
  const files = [join(path, 'model_index.json'), join(path, 'unet', 'weights.safetensors')]
  for (const name of files) writeFileSync(name, `contents of ${name}`)
  await writeManifest(path, files)
  return path
}

describe('what is no regular file or folder', () => {
  it.each(SPECIAL_FILES.flatMap((kind) => [file, folderRule].map((rule) => ({ kind, rule }))))(
    'is refused: a $kind, for a $rule.kind.title',
    async ({ kind, rule }) => {
      const folder = temporaryFolder()
      const path = await makeSpecial(kind, folder, 'target')
      const before = lstatSync(path)
      await expect(checkTarget(path, rule)).rejects.toMatchObject(
        refusal(kind === 'dangling link' ? /is a link/ : new RegExp(kind)),
      )
      await expect(AtomicOutput.create(path, rule)).rejects.toMatchObject({ kind: 'target' })
      await expect(
        checkTarget(join(path, 'x'), rule).then(() => AtomicOutput.create(join(path, 'x'), rule)),
      ).rejects.toMatchObject({ kind: 'target' })
      expect([lstatSync(path).ino, lstatSync(path).mode]).toEqual([before.ino, before.mode])
      expect(readdirSync(folder, { recursive: true }).sort()).toEqual(
        kind === 'dangling link' ? ['elsewhere', 'target'] : ['target'],
      )
    },
  )

  it('is refused: a link to a file or folder of the right kind', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'picture'), PNG)
    await makeExport(join(folder, 'export'))
    for (const [name, rule] of [
      ['picture', file],
      ['export', folderRule],
    ] as const) {
      symlinkSync(join(folder, name), join(folder, `to-${name}`))
      await expect(checkTarget(join(folder, name), rule)).resolves.toBeUndefined()
      await expect(checkTarget(join(folder, `to-${name}`), rule)).rejects.toMatchObject(refusal(/is a link/))
    }
  })

  it('is refused: a folder for a file, and a file for a folder', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'folder'))
    writeFileSync(join(folder, 'file'), PNG)
    await expect(checkTarget(join(folder, 'folder'), file)).rejects.toMatchObject(refusal(/as a folder/))
    await expect(checkTarget(join(folder, 'file'), folderRule)).rejects.toMatchObject(refusal(/as a file/))
  })
})

describe('a file of the same kind', () => {
  it('is replaced where the user says so; another kind never', async () => {
    const folder = temporaryFolder()
    const model = writeModel(join(folder, 'model'), { x: tensor([1], [1]) })
    const table = csvFile('a,b,c,d\r\n')
    const contents = {
      png: PNG,
      csv: Buffer.from('a,b,c,other\r\n1,2,3,4\r\n'),
      otherCsv: Buffer.from('a,b,other\r\n'),
      text: Buffer.from('words'),
      safetensors: readFileSync(model),
      cut: readFileSync(model).subarray(0, 20),
      empty: Buffer.alloc(0),
    }
    const allowed: [typeof PNG_FILE, (keyof typeof contents)[]][] = [
      [PNG_FILE, ['png', 'empty']],
      [table, ['csv', 'empty']],
      [exportKind(false), ['safetensors', 'empty']],
    ]
    for (const [kind, replaced] of allowed)
      for (const [name, bytes] of Object.entries(contents)) {
        const path = join(folder, 'target')
        writeFileSync(path, bytes)
        await expect(checkTarget(path, { kind, overwrite: false }), name).rejects.toMatchObject({ kind: 'target' })
        const written = writeOutput(path, 'new', { kind, overwrite: true })
        if (replaced.some((own) => own === name)) await written
        else await expect(written, name).rejects.toMatchObject(refusal(/is not replaced: it is no/))
        expect(readFileSync(path)).toEqual(replaced.some((own) => own === name) ? Buffer.from('new') : bytes)
      }
    expect(readdirSync(folder).sort()).toEqual(['model', 'target'])
  })

  it('is not replaced where it is read', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'data'))
    const path = join(folder, 'data', 'a.png')
    writeFileSync(path, PNG)
    symlinkSync(join(folder, 'data'), join(folder, 'link'))
    for (const sources of [[path], [join(folder, 'data')], [join(folder, 'link')]])
      for (const target of [path, join(folder, 'link', 'a.png')])
        await expect(checkTarget(target, { ...file, sources })).rejects.toMatchObject(refusal(/which is read/))
    await checkTarget(path, { ...file, sources: [join(folder, 'dat')] })
  })

  it('is looked at again before it is replaced', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'target')
    const output = await AtomicOutput.create(path, file)
    writeFileSync(path, 'came meanwhile')
    await expect(output.commit([output.temporaryPath])).rejects.toMatchObject(refusal(/not replaced/))
    await output.discard()
    expect(readdirSync(folder)).toEqual(['target'])
    expect(readFileSync(path, 'utf8')).toBe('came meanwhile')
  })
})

describe('a folder', () => {
  it('that an export wrote is replaced unasked', async () => {
    const path = await makeExport(join(temporaryFolder(), 'out'))
    mkdirSync(join(path, 'empty'))
    writeFileSync(join(path, 'unet', '.DS_Store'), 'what a file manager leaves')
    rmSync(join(path, 'model_index.json'))
    await expect(checkTarget(path, { kind: EXPORT_FOLDER, overwrite: false })).resolves.toBeUndefined()
  })

  it.each<[string, (path: string) => void, RegExp]>([
    ['a file', (path) => writeFileSync(join(path, 'notes.txt'), ''), /"notes.txt"/],
    ['a hidden file', (path) => writeFileSync(join(path, '.bashrc'), ''), /".bashrc"/],
    ['a file deeper inside', (path) => writeFileSync(join(path, 'unet', 'mine'), ''), /"unet\/mine"/],
    ['a folder', (path) => mkdirSync(join(path, 'photos', '2024'), { recursive: true }), /"photos\/"/],
    ['a link', (path) => symlinkSync(path, join(path, 'unet', 'link')), /"unet\/link"/],
    [
      'a link named as its list',
      (path) => (rmSync(join(path, MANIFEST_NAME)), symlinkSync('x', join(path, MANIFEST_NAME))),
      /"unet"/,
    ],
    [
      'another file in place of one',
      (path) => writeFileSync(join(path, 'model_index.json'), 'edited'),
      /"model_index.json"/,
    ],
    [
      "a folder named as a file manager's",
      (path) => mkdirSync(join(path, 'Thumbs.db', 'x'), { recursive: true }),
      /"Thumbs.db\/"/,
    ],
    ['a damaged list', (path) => writeFileSync(join(path, MANIFEST_NAME), '{"files":5}'), /"unet"/],
  ])('of an export is not replaced with something else in it: %s', async (_, change, words) => {
    const path = await makeExport(join(temporaryFolder(), 'out'))
    change(path)
    await expect(checkTarget(path, folderRule)).rejects.toMatchObject(refusal(words))
  })

  it('notices an edit that leaves the size as it was', async () => {
    const path = await makeExport(join(temporaryFolder(), 'out'))
    const edited = readFileSync(join(path, 'model_index.json'), 'utf8').replace('contents', 'Contents')
    writeFileSync(join(path, 'model_index.json'), edited)
    await expect(checkTarget(path, folderRule)).rejects.toMatchObject(refusal(/"model_index.json"/))
  })

  it('of somebody else is not replaced, and what is in it is named', async () => {
    const folder = temporaryFolder()
    for (const name of ['a', 'b', 'c\n\u001b[31m', 'd', 'e']) writeFileSync(join(folder, name), '')
    await expect(checkTarget(folder, folderRule)).rejects.toMatchObject(
      refusal(/holds "a", "b", "c\\n\\u001b\[31m" and more, which no export of this program wrote/),
    )
  })

  it('that is empty is replaced where the user says so', async () => {
    const folder = temporaryFolder()
    await expect(checkTarget(folder, { ...folderRule, overwrite: false })).rejects.toMatchObject(
      refusal(/exists already/),
    )
    await checkTarget(folder, folderRule)
  })

  it('that the system or the user needs is not replaced', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'home'))
    vi.stubEnv('HOME', join(folder, 'home'))
    vi.stubEnv('USERPROFILE', join(folder, 'home'))
    try {
      for (const path of [homedir(), folder, '/', process.cwd(), dirname(process.cwd())])
        await expect(checkTarget(path, folderRule), path).rejects.toMatchObject(
          refusal(/is not replaced: it is a|is not replaced: it is the/),
        )
    } finally {
      vi.unstubAllEnvs()
    }
  })

  it.skipIf(process.platform !== 'linux')('that is a mount point is not replaced', async () => {
    expect(statSync('/proc').dev).not.toBe(statSync('/').dev)
    await expect(checkTarget('/proc', folderRule)).rejects.toMatchObject(refusal(/mount point/))
  })

  it('comes back where the new one cannot take its name', async () => {
    const folder = temporaryFolder()
    const path = await makeExport(join(folder, 'out'))
    const output = await AtomicOutput.create(path, folderRule)
    rmSync(output.temporaryPath, { recursive: true })
    await expect(output.commit([])).rejects.toThrow()
    await output.discard()
    expect(readdirSync(folder)).toEqual(['out'])
    await checkTarget(path, { ...folderRule, overwrite: false })
  })
})

describe('a target outside all sources', () => {
  it('is no source, lies in none and holds none, whatever links lead to it', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'model', 'unet'), { recursive: true })
    writeFileSync(join(folder, 'model', 'unet', 'weights'), '')
    symlinkSync(join(folder, 'model'), join(folder, 'link'))
    symlinkSync(join(folder, 'model', 'unet', 'weights'), join(folder, 'to-weights'))
    const sources = [join(folder, 'link'), join(folder, 'model', 'unet', 'weights')]
    for (const name of ['model', 'link', 'to-weights', 'model/new', 'link/new/deep/file', 'link/unet/weights', '.'])
      await expect(checkTargetOutsideSources(join(folder, name), sources), name).rejects.toMatchObject({
        kind: 'target',
      })
    for (const name of ['new', 'models', 'new/deep/file']) await checkTargetOutsideSources(join(folder, name), sources)
  })
})
