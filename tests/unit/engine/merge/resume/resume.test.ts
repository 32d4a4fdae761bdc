import {
  cpSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { MergeOptions, MergeResult } from '../../../../../src-main/engine/merge/run'
import {
  removeUnfinished,
  unfinishedExport,
  unfinishedExports,
} from '../../../../../src-main/engine/merge/resume/unfinished-exports'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { isTampered, verifyExport } from '../../../../../src-main/engine/merge/plan/export/verify-export'
import { familyFolders } from '../../../demo-family'
import { noise } from '../../tensor/inputs'
import { merge, projectOf, temporaryFolder, tensor, writeModel } from '../models'

const LAYERS = 12
const resume = { restart: false }

/** A base and specialists of a few layers; the seeds say what they hold. */
function models(folder: string, seeds: readonly number[] = [1, 2, 3]): string[] {
  return seeds.map((seed, index) =>
    writeModel(
      join(folder, `model-${index}.safetensors`),
      Object.fromEntries(
        Array.from({ length: LAYERS }, (_, layer) => [
          [`${layer}.weight`, tensor([24, 36], noise(24 * 36, 100 * seed + layer))] as const,
          [`${layer}.bias`, tensor([24], noise(24, 100 * seed + layer + 50))] as const,
        ]).flat(),
      ),
    ),
  )
}

/** All files of a folder, or one file, by their path in it. */
function contents(path: string): Record<string, string> {
  const names = readdirSync(join(path, '..'), { recursive: true, withFileTypes: true })
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const own = files.filter((file) => file === path || file.startsWith(`${path}/`))
  return Object.fromEntries(own.map((file) => [file.slice(path.length), readFileSync(file).toString('base64')]))
}

/** Merges until the work has come so far, and cancels. @returns what the error says */
async function cancelled(project: Parameters<typeof merge>[0], out: string, part: number): Promise<string> {
  const controller = new AbortController()
  const onProgress: MergeOptions['onProgress'] = (phase, fraction) => {
    if (phase === 'merging' && fraction >= part) controller.abort()
  }
  const run = merge(project, out, { resume, signal: controller.signal, onProgress })
  return run.then(
    () => 'done',
    (error: Error) => error.message,
  )
}

async function continued(
  project: Parameters<typeof merge>[0],
  out: string,
  options: Partial<MergeOptions> = {},
): Promise<{ result: MergeResult; said: string[] }> {
  const said: string[] = []
  const result = await merge(project, out, { resume, onResume: (words) => said.push(words), ...options })
  return { result, said }
}

/** What is told of a merge that does not depend on when it was made. */
const told = ({ recipe, layers, regressions, overflowed, bytes }: MergeResult) => ({
  ...{ recipe, layers, regressions, overflowed, bytes },
})

describe('an export that was cancelled', () => {
  it.each([
    ['soup', {}],
    ['dare', { seed: 7 }],
    ['dare-ties', { seed: 7 }],
    ['ties', {}],
    ['featurefusion', {}],
  ])('by %s goes on where it stopped, with the same bytes and reports', async (name, settings) => {
    const folder = temporaryFolder()
    const project = projectOf(models(folder), { name, ...settings })
    const whole = await merge(project, join(folder, 'whole', 'a.safetensors'))
    for (const part of [0.2, 0.6, 0.95]) {
      const out = join(folder, `${part}`, 'a.safetensors')
      expect(await cancelled(project, out, part)).toMatch(/^Cancelled\. \d+ of 24 tensors are written and kept\.$/)
      const { result, said } = await continued(project, out)
      expect(said).toEqual([
        expect.stringMatching(/^Resumes: [1-9]\d* of 24 tensors are already written and checked\.$/),
      ])
      expect(contents(out)).toEqual(contents(join(folder, 'whole', 'a.safetensors')))
      expect(told(result)).toEqual(told(whole))
      expect(readdirSync(join(folder, `${part}`))).toEqual(['a.safetensors'])
      expect(isTampered(await verifyExport(out, [], new AbortController().signal))).toBe(false)
    }
  })

  it('is continued in every layout', async () => {
    for (const layout of ['diffusers', 'single-file']) {
      for (const dtype of ['same', 'fp8-scaled']) {
        const folder = temporaryFolder()
        const project = projectOf(familyFolders.slice(0, 3), { name: 'soup' }, { layout, dtype })
        const name = layout === 'diffusers' ? 'a' : 'a.safetensors'
        await merge(project, join(folder, 'whole', name))
        const out = join(folder, 'again', name)
        // More than once, each time further on.
        for (const part of [0.3, 0.5, 0.8]) expect(await cancelled(project, out, part)).toMatch(/kept/)
        await continued(project, out)
        expect(contents(out)).toEqual(contents(join(folder, 'whole', name)))
        expect(readdirSync(join(folder, 'again'))).toEqual([name])
      }
    }
  }, 60_000)

  it('leaves nothing where nothing was finished, or where it cannot be continued', async () => {
    const folder = temporaryFolder()
    const project = projectOf(models(join(folder, 'models')), { name: 'soup' })
    const aborted = AbortSignal.abort()
    const out = join(folder, 'out', 'a.safetensors')
    await expect(merge(project, out, { resume, signal: aborted })).rejects.toMatchObject({ kind: 'cancelled' })
    expect(readdirSync(join(folder, 'out'))).toEqual([])
    const controller = new AbortController()
    const onProgress = (): void => controller.abort()
    await expect(merge(project, out, { signal: controller.signal, onProgress })).rejects.toMatchObject({
      kind: 'cancelled',
    })
    expect(readdirSync(join(folder, 'out'))).toEqual([])
  })

  it('stays as it was when the next one is cancelled before it writes', async () => {
    const folder = temporaryFolder()
    const project = projectOf(models(folder), { name: 'soup' })
    const out = join(folder, 'out', 'a.safetensors')
    await cancelled(project, out, 0.6)
    await expect(merge(project, out, { resume, signal: AbortSignal.abort() })).rejects.toThrow()
    const { said } = await continued(project, out)
    expect(said).toEqual([expect.stringMatching(/^Resumes/)])
  })
})

describe('an unfinished export', () => {
  let place: string
  let project: ReturnType<typeof projectOf>
  let whole: Record<string, string>
  beforeAll(async () => {
    place = mkdtempSync(join(tmpdir(), 'resume-'))
    project = projectOf(models(join(place, 'models')), { name: 'soup' })
    await merge(project, join(place, 'whole', 'a.safetensors'))
    whole = contents(join(place, 'whole', 'a.safetensors'))
    await cancelled(project, join(place, 'begun', 'a.safetensors'), 0.7)
    return () => rmSync(place, { recursive: true })
  })
  const PARTIAL = '.a.safetensors.0.partial'

  /** A copy of the unfinished export. */
  function begun(): { folder: string; out: string; partial: string; journal: string } {
    const folder = join(temporaryFolder(), 'out')
    cpSync(join(place, 'begun'), folder, { recursive: true })
    const partial = join(folder, PARTIAL)
    return { folder, out: join(folder, 'a.safetensors'), partial, journal: `${partial}.journal` }
  }

  it('is continued whatever of its journal is cut off', async () => {
    const length = readFileSync(begun().journal).byteLength
    await fc.assert(
      fc.asyncProperty(fc.nat(length), async (cut) => {
        const { folder, out, journal } = begun()
        writeFileSync(journal, readFileSync(journal).subarray(0, cut))
        await continued(project, out)
        expect(contents(out)).toEqual(whole)
        expect(readdirSync(folder)).toEqual(['a.safetensors'])
      }),
      { numRuns: 40 },
    )
  }, 60_000)

  it('is continued whichever bytes of it, or of its journal, are others', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('partial' as const, 'journal' as const),
        fc.array(
          fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.integer({ min: 1, max: 255 })),
          { minLength: 1, maxLength: 5 },
        ),
        async (which, flips) => {
          const found = begun()
          const bytes = readFileSync(found[which])
          for (const [at, by] of flips) bytes[Math.floor(at * bytes.length)]! ^= by
          writeFileSync(found[which], bytes)
          await continued(project, found.out)
          expect(contents(found.out)).toEqual(whole)
        },
      ),
      { numRuns: 40 },
    )
  }, 60_000)

  it('is continued where its file was cut or has grown', async () => {
    const { byteLength } = readFileSync(begun().partial)
    for (const length of [0, 100, byteLength - 1, byteLength + 1000, byteLength * 3]) {
      const { out, partial } = begun()
      const bytes = Buffer.alloc(length, 7)
      readFileSync(partial).copy(bytes)
      writeFileSync(partial, bytes)
      await continued(project, out)
      expect(contents(out)).toEqual(whole)
    }
  })

  it('begins anew, and says why, where anything else would come out', async () => {
    const changed = projectOf(
      project.models.map(({ path }) => path),
      { name: 'soup' },
    )
    changed.models[1]!.weight = 0.5
    const cases: [ReturnType<typeof projectOf>, RegExp][] = [
      [changed, /another recipe/],
      [{ ...project, output: { ...project.output, dtype: 'fp16' } }, /another recipe/],
      [{ ...project, output: { ...project.output, title: 'Other' } }, /another title/],
      [
        projectOf(models(join(temporaryFolder(), 'models'), [1, 2, 4]), { name: 'soup' }),
        /model-2.safetensors changed/,
      ],
    ]
    for (const [other, words] of cases) {
      const { out } = begun()
      const expected = join(temporaryFolder(), 'a.safetensors')
      await merge(other, expected)
      const { said, result } = await continued(other, out)
      expect(said).toEqual([expect.stringMatching(words)])
      expect(result.resumed).toBeNull()
      expect(contents(out)).toEqual(contents(expected))
    }
    const { out } = begun()
    const { said } = await continued(project, out, { resume: { restart: true } })
    expect(said).toEqual([expect.stringMatching(/asked for/)])
    expect(contents(out)).toEqual(whole)
  })

  it('begins anew where its journal does not say what was begun', async () => {
    const { out, journal } = begun()
    writeFileSync(journal, 'nothing\n')
    const { said } = await continued(project, out)
    expect(said).toEqual([expect.stringMatching(/journal is damaged/)])
  })

  it('says how many parts were damaged', async () => {
    const { out, partial } = begun()
    const bytes = readFileSync(partial)
    const first = 8 + Number(readFileSync(join(place, 'whole', 'a.safetensors')).readBigUInt64LE())
    bytes[first + 5]! ^= 1
    writeFileSync(partial, bytes)
    const { said, result } = await continued(project, out)
    expect(said).toEqual([expect.stringMatching(/1 of its parts .* made again/)])
    expect(result.resumed).toMatchObject({ damaged: 1 })
    expect(contents(out)).toEqual(whole)
  })

  it.skipIf(process.platform === 'win32')('is not continued through links', async () => {
    for (const link of [symlinkSync, linkSync] as const) {
      const { folder, out, partial } = begun()
      const mine = join(folder, '..', 'mine')
      writeFileSync(mine, readFileSync(partial))
      const before = readFileSync(mine, 'base64')
      rmSync(partial)
      link(mine, partial)
      const { said } = await continued(project, out)
      expect(said).toEqual([])
      expect(readFileSync(mine, 'base64')).toBe(before)
      expect(contents(out)).toEqual(whole)
    }
  })

  it('is removed by an output of the same name that cannot continue it', async () => {
    const { folder, out } = begun()
    await merge(project, out)
    expect(readdirSync(folder)).toEqual(['a.safetensors'])
  })

  it('is no model that could be opened, even one that was nearly done', async () => {
    const { out, partial } = begun()
    await expect(openCheckpoint(partial)).rejects.toMatchObject({ kind: 'malformed' })
    cpSync(join(place, 'whole', 'a.safetensors'), partial)
    expect(await cancelled(project, out, 0.9)).toMatch(/kept/)
    await expect(openCheckpoint(partial)).rejects.toMatchObject({ kind: 'malformed' })
  })

  it('is listed, found by its name, and removed', async () => {
    const cacheFolder = temporaryFolder()
    const out = join(temporaryFolder(), 'out', 'a.safetensors')
    const controller = new AbortController()
    const onProgress: MergeOptions['onProgress'] = (phase, part) =>
      void (phase === 'merging' && part > 0.5 && controller.abort())
    await expect(
      merge(project, out, { resume, cacheFolder, signal: controller.signal, onProgress }),
    ).rejects.toMatchObject({ hint: expect.stringContaining('featurefusion unfinished --remove') })
    const [listed, ...others] = await unfinishedExports(cacheFolder)
    expect(others).toEqual([])
    expect(listed).toEqual(await unfinishedExport(out))
    expect(listed!.bytes).toBeGreaterThan(24 * 36 * 4)
    expect(await removeUnfinished(cacheFolder, out)).toEqual(listed)
    expect(readdirSync(join(out, '..'))).toEqual([])
    expect(await unfinishedExports(cacheFolder)).toEqual([])
    expect(await removeUnfinished(cacheFolder, out)).toBeNull()
    await merge(project, out, { resume, cacheFolder })
    expect(existsSync(out)).toBe(true)
    expect(await unfinishedExports(cacheFolder)).toEqual([])
  })
})
