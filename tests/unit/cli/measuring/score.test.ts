import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { addScoreCommand } from '../../../../src-main/cli/commands/measuring/score'
import { scorerFilesSchema } from '../../../../src-main/contract/evaluate/scores/scorers'
import { ResultLines } from '../../../../src-main/engine/evaluate/measured/result-lines'
import { readPictures } from '../../../../src-main/engine/evaluate/scored-pictures/named-pictures'
import { PictureScores } from '../../../../src-main/engine/evaluate/scored-pictures/picture-scores'
import { encodePng } from '../../../../src-main/engine/image/png'
import { temporaryFolder } from '../../engine/merge/models'

/** A tiny random CLIP model: its scores mean nothing. */
const CLIP = 'tests/golden/clip/model'
let folder: string

interface Result {
  pictures: { file: string; prompt: string | null; scores: Record<string, number | null> }[]
  means: Record<string, number>
  unreadable: { file: string }[]
}

afterEach(() => vi.restoreAllMocks())

beforeEach(() => {
  folder = temporaryFolder()
  process.env['FEATUREFUSION_CACHE'] = join(folder, 'cache')
  mkdirSync(join(folder, 'pictures/deep'), { recursive: true })
  const picture = (name: string, seed: number, prompt?: string): void => {
    const data = Uint8Array.from({ length: 40 * 30 * 3 }, (_, at) => (at * seed) % 251)
    const parameters = prompt === undefined ? undefined : { prompt, negativePrompt: 'blur', settings: SETTINGS }
    writeFileSync(join(folder, 'pictures', name), encodePng({ width: 40, height: 30, channels: 3, data }, parameters))
  }
  picture('a.png', 3, 'a red apple')
  picture('b.png', 5)
  writeFileSync(join(folder, 'pictures/b.txt'), 'a boat\n')
  picture('deep/c.png', 7)
  writeFileSync(join(folder, 'pictures/deep/notes.md'), 'no picture')
})

const SETTINGS = new Map([
  ['Steps', '20'],
  ['Sampler', 'Euler'],
  ['Seed', '1'],
])

/** Runs the command in this process: exit code, and what it printed. */
async function score(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const printed = { output: '', errors: '' }
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((printed.output += String(text)), true))
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((printed.errors += String(text)), true))
  process.exitCode = 0
  const program = new Command()
  addScoreCommand(program, { clipVocabulary: 'resources/clip/bpe_simple_vocab_16e6.txt.gz' })
  await program.parseAsync(['score', '--device', 'cpu', ...args], { from: 'user' })
  const code = Number(process.exitCode)
  process.exitCode = 0
  vi.restoreAllMocks()
  return { code, ...printed }
}

it('scores pictures by the prompts that they say, and names those without one', async () => {
  const csv = join(folder, 'scores.csv')
  const { code, output } = await score(join(folder, 'pictures'), '--clip', CLIP, '--csv', csv)
  expect(code).toBe(0)
  expect(output).toMatch(/CLIP score: 100 times the cosine/)
  expect(output).toMatch(/a\.png +\d+\.\d\d\n.*b\.png +\d+\.\d\d\n.*c\.png\nmean +\d+\.\d\d\n/)
  expect(output).toMatch(/Without a prompt, and so scored by what needs none:\n.*c\.png\n/)
  const [header, ...lines] = readFileSync(csv, 'utf8').trim().split('\r\n')
  expect(header).toBe('file,prompt,clip,image-reward,pick-score,hps,aesthetic')
  expect(lines[0]).toMatch(/a\.png,a red apple,\d+\.\d+,,,,$/)
  expect(lines[1]).toMatch(/b\.png,a boat,\d+\.\d+,,,,$/)
  expect(lines[2]).toMatch(/c\.png,,,,,,$/)
})

it('takes one prompt for all, a picture that is named twice once, and scores as it did before', async () => {
  const file = join(folder, 'pictures/b.png')
  const own = JSON.parse((await score(file, '--clip', CLIP, '--json')).output) as Result
  const all = await score(file, join(folder, 'pictures'), '--clip', CLIP, '--prompt', 'a boat', '--json')
  const { pictures, means, unreadable } = JSON.parse(all.output) as Result
  expect(pictures.map(({ prompt }) => prompt)).toEqual(['a boat', 'a boat', 'a boat'])
  expect(pictures[0]).toEqual(own.pictures[0])
  expect(means['clip']).toBeCloseTo(
    pictures.reduce((sum, { scores }) => sum + scores['clip']! / 3, 0),
    9,
  )
  expect(unreadable).toEqual([])
})

it('names what cannot be read, scores the rest, and says so by its exit code', async () => {
  const broken = join(folder, 'pictures/broken.png')
  const whole = readFileSync(join(folder, 'pictures/a.png'))
  writeFileSync(broken, whole.subarray(0, whole.length / 2))
  writeFileSync(join(folder, 'pictures/web.webp'), 'RIFF0000WEBP')
  const none = join(folder, 'none.png')
  const { code, output, errors } = await score(join(folder, 'pictures'), none, '--clip', CLIP, '--json')
  expect(code).toBe(1)
  const { pictures, unreadable } = JSON.parse(output) as Result
  expect(pictures).toHaveLength(3)
  expect(unreadable.map(({ file }) => file)).toEqual([broken, join(folder, 'pictures/web.webp'), none])
  for (const { file } of unreadable) expect(errors).toContain(file)

  const results = ['--results', join(folder, 'results'), '--json']
  const share = await score(join(folder, 'pictures'), none, '--clip', CLIP, ...results, '--share', '1/1')
  expect(share).toMatchObject({ code: 1, errors })
  expect(JSON.parse(share.output)).toMatchObject({ added: 2 })
  const gathered = await score(join(folder, 'pictures'), none, '--clip', CLIP, ...results, '--gather')
  expect(gathered).toMatchObject({ code: 1, errors })

  const nothing = await score(broken, '--clip', CLIP)
  expect(nothing).toMatchObject({ code: 1, output: '' })
  expect(nothing.errors).toMatch(/None of the pictures can be read/)
})

it('needs the files of a scorer, and pictures', async () => {
  expect(await score(folder)).toMatchObject({ code: 2, errors: expect.stringMatching(/files of a scorer/) as string })
  mkdirSync(join(folder, 'empty'))
  const empty = await score(join(folder, 'empty'), '--clip', CLIP)
  expect(empty).toMatchObject({ code: 1, errors: expect.stringMatching(/no pictures in/) as string })
  const wrong = await score(folder, '--clip', join(folder, 'pictures'))
  expect(wrong.code).toBe(1)
})

it('gathers on any machine what shares scored on a graphics card', async () => {
  const [results, file] = [join(folder, 'results'), join(folder, 'pictures/a.png')]
  const files = { ...scorerFilesSchema.parse({}), clip: CLIP }
  const scorer = await PictureScores.open(
    'clip',
    files,
    {
      device: { provider: 'cuda', available: true },
      cacheFolder: folder,
      results: await ResultLines.open(results, '1-of-1'),
      clipVocabulary: 'resources/clip/bpe_simple_vocab_16e6.txt.gz',
    },
    () => Promise.resolve({ name: 'clip', scores: () => Promise.resolve([7]), release: () => Promise.resolve() }),
  )
  await scorer.of((await readPictures([file])).pictures)
  const gather = [file, '--clip', CLIP, '--results', results, '--gather', '--json']
  const { code, output } = await score(...gather, '--device', 'cuda')
  expect(code).toBe(0)
  expect((JSON.parse(output) as Result).means).toEqual({ clip: 7 })
  const other = await score(...gather, '--device', 'dml')
  expect(other.code).toBe(1)
  expect(other.errors).toMatch(/1 results in .* are of other .* devices or versions/)
  expect(other.errors).toMatch(/1 of 1 parts are missing[^]*--device cuda/)
})

it('scores in shares what one run scores, and names the share that is missing', async () => {
  const command = [join(folder, 'pictures'), '--clip', CLIP, '--json']
  const shared = [...command, '--results', join(folder, 'results')]
  const whole = await score(...command)
  const first = await score(...shared, '--share', '1/2')
  expect(JSON.parse(first.output)).toMatchObject({ share: { index: 1, count: 2 }, parts: 1, added: 1 })
  const early = await score(...shared, '--gather')
  expect(early.code).toBe(1)
  expect(early.errors).toMatch(/1 of 2 parts are missing .*, of share 2\/2\.\n {2}Share 2\/2: clip of .*b\.png\n/)
  await score(...shared, '--share', '2/2')
  const again = await score(...shared, '--share', '2/2')
  expect(JSON.parse(again.output)).toMatchObject({ parts: 1, added: 0 })
  const gathered = await score(...shared, '--gather')
  const { seconds: _own, ...result } = JSON.parse(gathered.output) as Result & { seconds: number }
  const { seconds: _whole, ...expected } = JSON.parse(whole.output) as Result & { seconds: number }
  expect(result).toEqual(expected)
})
