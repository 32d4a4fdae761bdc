import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { calibrate } from '../../src-main/engine/calibrate/calibrate'
import { dataSource } from '../../src-main/engine/calibrate/sources'
import { hashFile } from '../../src-main/engine/checkpoint/hash'
import { openCheckpoint } from '../../src-main/engine/checkpoint/open'
import { domainLossesSchema } from '../../src-main/engine/evaluate/losses/loss-key'
import { MeasurementStore } from '../../src-main/engine/evaluate/measured/measurement-store'
import { readEvaluationSet } from '../../src-main/engine/evaluate/data/evaluation-set'
import { collectingDamage } from '../../src-main/engine/files/kept/cache-damage'
import { CONTRIBUTIONS_FOLDER } from '../../src-main/engine/merge/contributions/cache-space'
import { planMerge } from '../../src-main/engine/merge/open-model'
import { runMerge } from '../../src-main/engine/merge/run'
import { family } from '../unit/demo-family'
import {
  CLIP_VOCABULARY,
  merge,
  projectOf,
  sha256,
  temporaryFolder,
  tensor,
  writeModel,
} from '../unit/engine/merge/models'
import { noise } from '../unit/engine/tensor/inputs'
import { CommandLine } from './support/command-line'

const REUSED = { reuse: true, threshold: 'auto' }

/** A small base and a fine-tune: a matrix that fills more than one block of checksums, and one that does not. */
function models(folder: string): string[] {
  return [0, 1].map((seed) => {
    const values = (count: number, own: number): Float32Array => {
      const delta = noise(count, 100 * seed + own)
      return noise(count, own).map((value, i) => value + (seed === 0 ? 0 : 0.3 * delta[i]!))
    }
    return writeModel(join(folder, `model-${seed}.safetensors`), {
      'a.weight': tensor([300, 600], values(180_000, 1)),
      'b.weight': tensor([24, 17], values(408, 2)),
      'b.bias': tensor([24], values(24, 3)),
    })
  })
}

function flip(path: string, position: number): void {
  const bytes = readFileSync(path)
  bytes[position < 0 ? bytes.length + position : position]! ^= 4
  writeFileSync(path, bytes)
}

/** What may happen to a file; positions are those of a header, of data, and of what stands at the end. */
const DAMAGES: readonly [string, (path: string) => void][] = [
  ...[0, 9, 60, 0.4, 0.7, 0.95, -40, -12, -1].map((place): [string, (path: string) => void] => [
    `a flipped bit at ${place}`,
    (path) => flip(path, place > 0 && place < 1 ? Math.floor(place * statSync(path).size) : place),
  ]),
  ['a lost end', (path) => truncateSync(path, statSync(path).size - 3)],
  ['nothing left', (path) => truncateSync(path, 0)],
  [
    'a folder in its place',
    (path) => {
      rmSync(path)
      mkdirSync(path)
      writeFileSync(join(path, 'inside'), 'x')
    },
  ],
]

describe('contributions that are damaged are made again', () => {
  it.each(DAMAGES)('%s', async (_, damage) => {
    const folder = temporaryFolder()
    const cacheFolder = join(folder, 'cache')
    const project = projectOf(models(folder), REUSED)
    const whole = await merge(project, join(folder, 'whole.safetensors'), { cacheFolder })
    expect(whole.notes).toEqual([])
    const kept = join(cacheFolder, CONTRIBUTIONS_FOLDER)
    const names = readdirSync(kept).filter((name) => statSync(join(kept, name)).isFile())
    expect(names).toHaveLength(3) // two models, and the thresholds
    for (const name of names) {
      damage(join(kept, name))
      const out = join(folder, 'again.safetensors')
      const result = await merge(project, out, { cacheFolder })
      expect(sha256(out), name).toBe(sha256(whole.path))
      expect(result.notes, name).toEqual([expect.stringContaining(name)])
      const third = await merge(project, out, { cacheFolder })
      expect(third.notes, `${name} is whole again`).toEqual([])
    }
  })

  it('in the built program, with its threads, and says so', async () => {
    const cli = new CommandLine(temporaryFolder())
    const [base, other] = models(cli.folder)
    const args = ['merge', '--base', base!, '--specialist', other!, '--reuse', '--threads', '2', '--json', '--out']
    expect(await cli.run([...args, join(cli.folder, 'a.safetensors')], { limitMs: 60_000 })).toMatchObject({ code: 0 })
    const kept = join(cli.cache, CONTRIBUTIONS_FOLDER)
    const size = (name: string): number => statSync(join(kept, name)).size
    const [largest] = readdirSync(kept).sort((a, b) => size(b) - size(a))
    flip(join(kept, largest!), Math.floor(size(largest!) / 2))
    const again = await cli.run([...args, join(cli.folder, 'b.safetensors')], { limitMs: 60_000 })
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining(`${largest} is damaged`) as string })
    expect(JSON.parse(again.stdout)).toMatchObject({ notes: [expect.stringContaining(largest!)] })
    expect(sha256(join(cli.folder, 'b.safetensors'))).toBe(sha256(join(cli.folder, 'a.safetensors')))
  })
})

describe('hashes that are remembered', () => {
  it.each([
    ...DAMAGES,
    ['another sha256', (path: string) => replaceIn(path, /[0-9a-f]{64}(?=\\")/, 'f'.repeat(64))],
    ['a wrong type', (path: string) => replaceIn(path, /.*/s, '{"sha256":5,"value":[]}')],
    ['an array', (path: string) => replaceIn(path, /.*/s, '[1, null]')],
    ['null', (path: string) => replaceIn(path, /.*/s, 'null')],
    ['an older form', (path: string) => replaceIn(path, /.*/s, '{"/a":{"size":1,"mtimeMs":1,"sha256":"5"}}')],
  ] as [string, (path: string) => void][])('are not believed with %s', async (_, damage) => {
    const folder = temporaryFolder()
    const [path] = models(folder)
    const sha = await hashFile(path!, { cacheFolder: folder })
    damage(join(folder, 'hashes.json'))
    await collectingDamage(async (notes) => {
      expect(await hashFile(path!, { cacheFolder: folder })).toBe(sha)
      expect(notes).toEqual([expect.stringContaining('hashes.json')])
    })
  })

  it.each(['a copy with the same time', 'the same file, its time set back'])('are not those of %s', async (how) => {
    const folder = temporaryFolder()
    const [path, other] = models(folder) as [string, string]
    const before = await hashFile(path, { cacheFolder: folder })
    await replace(path, other, how.startsWith('the same'))
    expect(await hashFile(path, { cacheFolder: folder })).toBe(sha256(path))
    expect(sha256(path)).not.toBe(before)
  })
})

describe('a model that is replaced by another of the same size and time', () => {
  it.each([false, true])('after planning is noticed (in place: %s)', async (inPlace) => {
    const folder = temporaryFolder()
    const paths = models(folder)
    const cacheFolder = join(folder, 'cache')
    for (const project of [projectOf(paths, { name: 'soup' }), projectOf(paths), projectOf(paths, REUSED)]) {
      const plan = await planMerge(project)
      await replace(paths[0]!, paths[1]!, inPlace)
      const out = join(folder, 'out.safetensors')
      const merging = runMerge(plan, { path: out, cacheFolder, clipVocabulary: CLIP_VOCABULARY })
      await expect(merging).rejects.toMatchObject({ kind: 'source-changed' })
      expect(() => statSync(out)).toThrow()
    }
  })

  it('while the merge runs is noticed', async () => {
    const folder = temporaryFolder()
    const paths = models(folder)
    const plan = await planMerge(projectOf(paths))
    let replaced = false
    const merging = runMerge(plan, {
      path: join(folder, 'out.safetensors'),
      clipVocabulary: CLIP_VOCABULARY,
      onProgress: (phase) => {
        if (phase === 'merging' && !replaced) replaceNow(paths[1]!, paths[0]!, false)
        replaced ||= phase === 'merging'
      },
    })
    await expect(merging).rejects.toMatchObject({ kind: 'source-changed' })
    expect(replaced).toBe(true)
  })
})

describe('a calibration file', () => {
  it('is refused with what is damaged in it', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'calibration.safetensors')
    const base = await openCheckpoint(family.base.path)
    const set = await readEvaluationSet(family.evaluation)
    const chosen = [{ name: set.domains[0]!.name, pictures: [{ index: 0, picture: set.domains[0]!.pictures[0]! }] }]
    const source = dataSource(chosen, { seed: 0, trainTimesteps: 1000 }, async () => ({ set, chosen }))
    await calibrate([{ name: 'base', checkpoint: base, ...source }], { path, base, device: 'cpu', samples: 4, seed: 0 })
    const models = [family.base.path, family.specialists[0]!.path]
    const project = projectOf(models, { statistics: 'calibrated', calibration: path })
    const out = (): string => join(folder, 'merged')
    await merge(project, out())
    const whole = readFileSync(path)
    const dataStart = 8 + Number(whole.readBigUInt64LE())
    const record = whole.indexOf('samples')
    for (const [place, error] of [
      [dataStart + 5, { kind: 'damaged', message: expect.stringMatching(/the tensor \S+\.columns\.0/) as string }],
      [
        dataStart + endOfColumns(whole) - 1,
        { kind: 'damaged', message: expect.stringMatching(/the tensor \S+\.columns\.0/) as string },
      ],
      [record + 'samples":'.length + 2, { kind: expect.stringMatching(/damaged|malformed/) as string }],
      [whole.indexOf('header') + 12, { kind: expect.stringMatching(/damaged|malformed/) as string }],
    ] as const) {
      writeFileSync(path, whole)
      flip(path, place)
      await expect(merge(project, out()), `byte ${place}`).rejects.toMatchObject(error)
    }
  })
})

/** Where the last columns end in the data; the models' runs behind them are read by other methods. */
function endOfColumns(file: Buffer): number {
  const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString()) as Record<
    string,
    { data_offsets: [number, number] }
  >
  const columns = Object.entries(header).filter(([name]) => /\.columns\.\d+$/.test(name))
  return Math.max(
    ...columns.map(
      ([
        ,
        {
          data_offsets: [, end],
        },
      ]) => end,
    ),
  )
}

describe('measured losses', () => {
  it.each(DAMAGES)('are measured again after %s', async (_, damage) => {
    const folder = temporaryFolder()
    const store = new MeasurementStore(folder, domainLossesSchema)
    const stored = { losses: [[0.1, 0.2, 0.3]], seconds: 1.5 }
    await store.keep('some-key', stored)
    expect(await store.find('some-key')).toEqual(stored)
    const path = join(folder, 'featurefusion-losses/some-key.json')
    cpSync(path, join(folder, 'featurefusion-losses/other-key.json'))
    await collectingDamage(async (notes) => {
      expect(await store.find('other-key')).toBeNull()
      expect(notes).toEqual([expect.stringContaining('other-key')])
    })
    damage(path)
    await collectingDamage(async (notes) => {
      expect(await store.find('some-key')).toBeNull()
      expect(notes).toEqual([expect.stringContaining('some-key')])
    })
  })
})

function replaceIn(path: string, pattern: RegExp, text: string): void {
  writeFileSync(path, readFileSync(path, 'utf8').replace(pattern, text))
}

/** Puts the bytes of `other` at `path`, with the old time of modification, as `cp -p` and tar do. */
async function replace(path: string, other: string, inPlace: boolean): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20)) // clocks of file systems have steps
  replaceNow(path, other, inPlace)
}

function replaceNow(path: string, other: string, inPlace: boolean): void {
  const { atime, mtime, size } = statSync(path)
  expect(statSync(other).size).toBe(size)
  const bytes = Buffer.from(readFileSync(other))
  // Other bytes than before, whichever of the two lay there.
  bytes[bytes.length - 1]! ^= 1
  if (inPlace) writeFileSync(path, bytes)
  else {
    writeFileSync(`${path}.new`, bytes)
    renameSync(`${path}.new`, path)
  }
  utimesSync(path, atime, mtime)
}
