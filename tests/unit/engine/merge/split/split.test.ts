import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Project } from '../../../../../src-main/contract/document/project'
import { planMerge } from '../../../../../src-main/engine/merge/open-model'
import { headLine, readJournal, workLine } from '../../../../../src-main/engine/merge/resume/journal-lines'
import { gatherShares, type GatherOptions } from '../../../../../src-main/engine/merge/split/gather-shares'
import { shareCosts, workOfShare } from '../../../../../src-main/engine/merge/split/share-work'
import type { Share } from '../../../../../src-main/engine/shares/share'
import { planSplit, readSplitPlan, writeSplitPlan } from '../../../../../src-main/engine/merge/split/split-plan'
import { workShare, type WorkOptions } from '../../../../../src-main/engine/merge/split/work-share'
import { familyFolders } from '../../../demo-family'
import { noise } from '../../tensor/inputs'
import { CLIP_VOCABULARY, merge, projectOf, sha256, temporaryFolder, tensor, writeModel } from '../models'

const LAYERS = 9
const TOOLS = { provider: 'cpu', workerFile: null } as const

function models(folder: string, seed = 0): string[] {
  return [1, 2, 3].map((model) =>
    writeModel(
      join(folder, `model-${model}.safetensors`),
      Object.fromEntries(
        Array.from({ length: LAYERS }, (_, layer) => [
          [`${layer}.weight`, tensor([16, 20 + layer], noise(16 * (20 + layer), seed + 100 * model + layer))] as const,
          [`${layer}.bias`, tensor([16], noise(16, seed + 100 * model + layer + 50))] as const,
        ]).flat(),
      ),
    ),
  )
}

/** Plans a merge in a folder of its own. */
async function planned(project: Project, folder: string): Promise<string> {
  const job = join(folder, 'job')
  const tools = { ...TOOLS, cacheFolder: join(folder, 'cache') }
  await writeSplitPlan(job, await planSplit(await planMerge(project), tools), true)
  return job
}

async function work(job: string, share: Share, options: Partial<WorkOptions> = {}) {
  const split = await readSplitPlan(job)
  return workShare(await planMerge(split.project), split, job, share, {
    ...TOOLS,
    cacheFolder: join(job, '..', 'cache'),
    apart: false,
    restart: false,
    ...options,
  })
}

async function gather(job: string, path: string, options: Partial<GatherOptions> = {}) {
  const split = await readSplitPlan(job)
  return gatherShares(await planMerge(split.project), split, job, {
    ...TOOLS,
    path,
    cacheFolder: join(job, '..', 'cache'),
    clipVocabulary: CLIP_VOCABULARY,
    keeps: false,
    ...options,
  })
}

/** What gathering says, with its details. */
async function refused(job: string): Promise<string> {
  const out = join(job, '..', 'out.safetensors')
  try {
    await gather(job, out, { keeps: true })
  } catch (error) {
    expect(existsSync(out)).toBe(false)
    const { message, detail = '', hint = '' } = error as { message: string; detail?: string; hint?: string }
    return [message, detail, hint].join('\n')
  }
  return 'gathered'
}

/** A plan of small models whose two shares are done. */
async function twoShares(options: Partial<WorkOptions> = {}): Promise<string> {
  const folder = temporaryFolder()
  const job = await planned(projectOf(models(folder), { name: 'soup' }), folder)
  for (const index of [1, 2]) await work(job, { index, count: 2 }, options)
  return job
}

describe('a merge in shares', () => {
  it('is bit for bit that of one run, by any number of shares, in any order, together or apart', async () => {
    const folder = temporaryFolder()
    const paths = models(folder)
    const methods = ['soup', 'ties', 'featurefusion', 'task-arithmetic', 'iso-c']
    const whole = new Map<string, string>()
    for (const name of methods) {
      const out = join(folder, `${name}.safetensors`)
      await merge(projectOf(paths, { name }), out)
      whole.set(name, sha256(out))
    }
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...methods),
        fc.integer({ min: 1, max: 2 * LAYERS + 3 }),
        fc.infiniteStream(fc.boolean()),
        fc.infiniteStream(fc.double({ noNaN: true })),
        async (name, count, areApart, order) => {
          const own = temporaryFolder()
          const job = await planned(projectOf(paths, { name }), own)
          const shares = Array.from({ length: count }, (_, index) => ({ index: index + 1, at: order.next().value }))
          for (const { index } of shares.sort((a, b) => a.at - b.at))
            await work(job, { index, count }, { apart: areApart.next().value })
          const { path } = await gather(job, join(own, 'out.safetensors'))
          expect(sha256(path)).toBe(whole.get(name))
          expect(readdirSync(job)).toEqual(['plan.json'])
        },
      ),
      { numRuns: 12 },
    )
  })

  it.skipIf(process.platform === 'win32')('lies in files that other people may read as the umask says', async () => {
    for (const apart of [false, true]) {
      const job = await twoShares({ apart })
      const entries = readdirSync(job, { recursive: true, withFileTypes: true })
      expect(entries.length).toBeGreaterThan(5)
      for (const entry of entries)
        expect(statSync(join(entry.parentPath, entry.name)).mode & 0o777, entry.name).toBe(
          (entry.isFile() ? 0o666 : 0o777) & ~process.umask(),
        )
    }
  })

  it('writes a folder in the layout of one run, with its list of files', async () => {
    const folder = temporaryFolder()
    const project = projectOf(familyFolders.slice(0, 3), {}, { layout: 'diffusers', shardBytes: 2_000_000 })
    const job = await planned(project, folder)
    for (const index of [3, 1, 2]) await work(job, { index, count: 3 }, { apart: index === 2 })
    const gathered = await gather(job, join(folder, 'gathered'))
    const whole = await merge(project, join(folder, 'whole'))
    const filesOf = (root: string): [string, string][] =>
      readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort()
        .map((path) => [path.slice(root.length), sha256(path)])
    expect(filesOf(gathered.path)).toEqual(filesOf(whole.path))
    expect(gathered.layers).toEqual(whole.layers)
    expect(gathered.recipe).toEqual(whole.recipe)
  })

  it('goes on with a share that was stopped, and only checks one that is done', async () => {
    const folder = temporaryFolder()
    const paths = models(folder)
    const job = await planned(projectOf(paths), folder)
    const controller = new AbortController()
    const stopped = work(
      job,
      { index: 1, count: 2 },
      {
        signal: controller.signal,
        onPhase: (phase, part) => phase === 'merging' && part > 0.3 && controller.abort(),
      },
    )
    await expect(stopped).rejects.toMatchObject({ kind: 'cancelled' })
    expect(await refused(job)).toContain('Share 1/2 is not finished.\nShare 2/2 is missing.')
    const { resumed } = await work(job, { index: 1, count: 2 })
    expect(resumed!.tensors).toBeGreaterThan(0)
    const again = await work(job, { index: 1, count: 2 })
    expect(again.resumed!.tensors).toBeGreaterThan(resumed!.tensors)
    await work(job, { index: 2, count: 2 }, { apart: true })
    await work(job, { index: 2, count: 2 }, { apart: true })
    const { path } = await gather(job, join(folder, 'out.safetensors'))
    await merge(projectOf(paths), join(folder, 'whole.safetensors'))
    expect(sha256(path)).toBe(sha256(join(folder, 'whole.safetensors')))
  })
})

describe('gathering names', () => {
  it('a folder without a plan, and one without shares', async () => {
    const folder = temporaryFolder()
    await expect(readSplitPlan(folder)).rejects.toMatchObject({ kind: 'not-found' })
    const job = await planned(projectOf(models(folder)), folder)
    expect(await refused(job)).toContain('No share of the merge')
    writeFileSync(join(job, 'plan.json'), readFileSync(join(job, 'plan.json'), 'utf8').replace('bytes', 'bites'))
    await expect(readSplitPlan(job)).rejects.toMatchObject({ kind: 'damaged' })
  })

  it('a share that is missing, one of another number, and a file that is none', async () => {
    const job = await twoShares()
    rmSync(join(job, 'shares', '2-of-2.json'))
    rmSync(join(job, 'shares', '2-of-2.journal'))
    expect(await refused(job)).toContain('Share 2/2 is missing.')
    await work(job, { index: 3, count: 4 })
    expect(await refused(job)).toContain('There are shares of 2 and of 4: 1/2, 3/4.')
    writeFileSync(join(job, 'shares', '1-of-2 (copy).json'), '{}')
    expect(await refused(job)).toContain('1-of-2 (copy).json is no file of a share')
  })

  it('a place among what is removed afterwards', async () => {
    const job = await twoShares()
    for (const place of ['output', join('shares', 'merged.safetensors')])
      await expect(gather(job, join(job, place))).rejects.toMatchObject({
        kind: 'target',
        message: expect.stringContaining('is removed when all shares are gathered'),
      })
    expect(existsSync(join(job, 'shares', '1-of-2.json'))).toBe(true)
  })

  it('a copy of another share, and one whose note is damaged', async () => {
    const job = await twoShares()
    for (const ending of ['json', 'journal'])
      cpSync(join(job, 'shares', `1-of-2.${ending}`), join(job, 'shares', `2-of-2.${ending}`))
    expect(await refused(job)).toContain('Share 2/2 is a copy of share 1/2.')
    writeFileSync(join(job, 'shares', '2-of-2.json'), 'no JSON')
    expect(await refused(job)).toContain('Share 2/2 is not finished.')
  })

  it('a share of another merge', async () => {
    const folder = temporaryFolder()
    const paths = models(folder)
    const job = await planned(projectOf(paths, { name: 'soup' }), folder)
    await work(job, { index: 1, count: 2 })
    await planned(projectOf(paths, { name: 'ties' }), folder)
    await work(job, { index: 2, count: 2 })
    const said = await refused(job)
    expect(said).toContain('Share 1/2 belongs to another merge: it was begun with another recipe.')
    expect(said).not.toContain('Share 2/2')
  })

  it('shares from different processors', async () => {
    const folder = temporaryFolder()
    const job = await planned(projectOf(models(folder)), folder)
    for (const index of [1, 2]) await work(job, { index, count: 2 })
    const path = join(job, 'shares', '2-of-2.journal')
    const { seal, work: noted } = (await readJournal(path))!
    writeFileSync(path, [headLine({ ...seal, runtime: 'another' }), ...noted.map(workLine)].join(''))
    const said = await refused(job)
    expect(said).toContain('do not belong together')
    expect(said).toContain('Share 2/2 was computed by')
  })

  it.skipIf(process.platform === 'win32')('files that cannot be read are named, and not told as damaged', async () => {
    const job = await twoShares()
    for (const name of ['shares/1-of-2.json', 'shares/1-of-2.journal', 'plan.json']) {
      const path = join(job, name)
      renameSync(path, join(job, 'away'))
      // A link to itself: nobody can read it, not even an administrator.
      symlinkSync(path, path)
      await expect(gather(job, join(job, '..', 'out.safetensors'))).rejects.toMatchObject({
        kind: 'unreadable',
        message: `${path} cannot be read.`,
      })
      rmSync(path)
      renameSync(join(job, 'away'), path)
    }
    await gather(job, join(job, '..', 'out.safetensors'))
  })

  it.each([true, false])(
    'bytes that are not what was written, and those that are lacking (apart: %s)',
    async (apart) => {
      const job = await twoShares({ apart })
      const path = apart ? join(job, 'shares', '1-of-2.data') : join(job, 'output')
      const bytes = readFileSync(path)
      bytes[bytes.length >> 1]! ^= 1
      writeFileSync(path, bytes)
      const said = await refused(job)
      expect(said).toMatch(/Share [12]\/2: \d\.(weight|bias) is not as written\./)
      expect(said).toContain('--restart does a share again')
      expect(said.includes('On NFS do them all with --apart')).toBe(!apart)
      const index = Number(/Share ([12])/.exec(said)![1])
      await work(job, { index, count: 2 }, { apart, restart: true })
      await gather(job, join(job, '..', 'out.safetensors'), { keeps: true })
      rmSync(join(job, '..', 'out.safetensors'))
      renameSync(path, join(job, 'away'))
      expect(await refused(job)).toContain('Share 1/2: ')
      renameSync(join(job, 'away'), path)
      const journal = join(job, 'shares', '2-of-2.journal')
      writeFileSync(journal, readFileSync(journal, 'utf8').split('\n').slice(0, 4).join('\n'))
      expect(await refused(job)).toMatch(/Share 2\/2 lacks \d+ of its \d+ tensors/)
    },
  )
})

it('hashes only files that are not as they were when the plan was written', async () => {
  const folder = temporaryFolder()
  const paths = models(folder)
  const job = await planned(projectOf(paths, { name: 'soup' }), folder)
  const hashed: number[] = []
  const options = (index: number) => ({ cacheFolder: join(folder, `cache-${index}`), restart: true })
  const onPhase: WorkOptions['onPhase'] = (phase, part) => phase === 'hashing' && hashed.push(part)
  await work(job, { index: 1, count: 2 }, { ...options(1), onPhase })
  expect(hashed).toEqual([])
  cpSync(paths[1]!, join(folder, 'copy'))
  rmSync(paths[1]!)
  renameSync(join(folder, 'copy'), paths[1]!)
  await work(job, { index: 2, count: 2 }, { ...options(2), onPhase })
  expect(hashed.at(-1)).toBe(1)
})

describe('a share is refused', () => {
  it('of a merge whose layers depend on each other, and of one that keeps contributions', async () => {
    const folder = temporaryFolder()
    const paths = models(folder)
    await expect(planned(projectOf(paths, { reuse: true }), folder)).rejects.toMatchObject({ kind: 'unsupported' })
  })

  it('where its place is a link', async () => {
    const folder = temporaryFolder()
    const job = await planned(projectOf(models(folder), { name: 'soup' }), folder)
    symlinkSync(join(folder, 'elsewhere'), join(job, 'output'))
    await expect(work(job, { index: 1, count: 2 })).rejects.toThrow(/output in it is a link/)
    expect(existsSync(join(folder, 'elsewhere'))).toBe(false)
  })

  it('where a model is another than was planned', async () => {
    const folder = temporaryFolder()
    const job = await planned(projectOf(models(folder), { name: 'soup' }), folder)
    models(folder, 7)
    await expect(work(job, { index: 1, count: 2 })).rejects.toThrow(/not the merge that is planned.*changed since/)
  })
})

describe('shares', () => {
  it('have all of the work, each part once, and no more than one part above their mean', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 12 }),
        (costs, count) => {
          const tasks = costs.map((_, index) => ({ name: String(index) })) as never[]
          const parts = Array.from({ length: count }, (_, index) =>
            workOfShare({ tasks, extras: [] }, costs, { index: index + 1, count }),
          )
          expect(parts.flatMap((part) => part.tasks)).toHaveLength(costs.length)
          expect(new Set(parts.flatMap((part) => part.tasks))).toEqual(new Set(tasks))
          const sums = shareCosts(costs, count)
          const mean = costs.reduce((sum, cost) => sum + cost, 0) / count
          expect(Math.max(...sums)).toBeLessThanOrEqual(mean + Math.max(...costs) + 1e-9)
        },
      ),
    )
  })
})
