import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Command } from 'commander'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { addEvaluateCommand } from '../../../../src-main/cli/commands/measuring/evaluate'
import type { ScoreSummary } from '../../../../src-main/contract/evaluate/scores/scores'
import type { Evaluation } from '../../../../src-main/cli/output/evaluate-output'
import { decodePng, encodePng } from '../../../../src-main/engine/image/png'
import { family } from '../../demo-family'

const folder = mkdtempSync(join(tmpdir(), 'ff-evaluate-'))
process.env['FEATUREFUSION_CACHE'] = join(folder, 'cache')
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => vi.restoreAllMocks())

const CLIP = 'tests/golden/clip/model'
const specialist = family.specialists.at(-1)!
const unet = (name: string): string => family.specialists.find((model) => model.name === name)!.path

/** Runs the command in this process: exit code, and what it printed. */
async function evaluate(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const printed = { output: '', errors: '' }
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((printed.output += String(text)), true))
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((printed.errors += String(text)), true))
  process.exitCode = 0
  const program = new Command()
  addEvaluateCommand(program, { clipVocabulary: 'resources/clip/bpe_simple_vocab_16e6.txt.gz' })
  await program.parseAsync(['evaluate', '--device', 'cpu', ...args], { from: 'user' })
  const code = Number(process.exitCode)
  process.exitCode = 0
  vi.restoreAllMocks()
  return { code, ...printed }
}

/** Two domains of two pictures each. */
const images = join(folder, 'images')
beforeAll(() => {
  for (const domain of ['red', 'blue'])
    for (const i of [0, 1]) {
      const file = join(images, domain, 'test', `${i}.png`)
      mkdirSync(dirname(file), { recursive: true })
      const colour = domain === 'red' ? [200, 40 * i, 30] : [20, 60 * i, 210]
      const data = Uint8Array.from({ length: 40 * 30 * 3 }, (_, at) => colour[at % 3]!)
      writeFileSync(file, encodePng({ width: 40, height: 30, channels: 3, data }))
      writeFileSync(file.replace('png', 'txt'), `a ${domain} picture`)
    }
})

describe('featurefusion evaluate', () => {
  it('measures the evaluation set of the demo family as it was measured with PyTorch', async () => {
    const { code, output } = await evaluate(
      ...['--base', family.base.path, '--model', `mine=${specialist.path}`, '--data', family.evaluation],
      ...['--pictures', '1', '--split', 'train', '--json'],
    )
    expect(code).toBe(0)
    const { models, domains, split } = JSON.parse(output) as Evaluation
    expect(split).toBe('train')
    expect(models.map(({ name, role }) => [name, role])).toEqual([
      ['base', 'base'],
      ['mine', 'specialist'],
    ])
    const { models: expected } = JSON.parse(readFileSync(join(family.evaluation, 'expected.json'), 'utf8')) as {
      models: Record<string, Record<string, { per_picture: number[] }>>
    }
    const firstTrain = 12
    for (const [index, name] of [family.base.name, specialist.name].entries())
      domains.forEach(({ name: domain }, place) => {
        const { value } = models[index]!.domains[place]!.loss
        expect(Math.abs(value / expected[name]![domain]!.per_picture[firstTrain]! - 1)).toBeLessThan(0.01)
      })
  })

  it('measures pictures, says it in words, and writes CSV and a picture', async () => {
    const [csv, png] = [join(folder, 'table.csv'), join(folder, 'deep', 'table.png')]
    // The base's copy as a merge of which the file says nothing: no difference at all.
    const copy = join(folder, 'copy, of base')
    cpSync(join(family.base.path, 'unet'), join(copy, 'unet'), { recursive: true })
    const { code, output } = await evaluate(
      ...['--model', family.base.path, '--model', specialist.path, '--merge', copy, '--data', images],
      ...[
        '--csv',
        csv,
        '--png',
        png,
        '--clip',
        CLIP,
        '--steps',
        '1',
        '--guidance',
        '1',
        '--seeds',
        '2',
        '--recognition',
      ],
    )
    expect(code).toBe(0)
    expect(output).toMatch(/held-out pictures \(blue 2, red 2; 10 timesteps each\)/)
    expect(output).toMatch(new RegExp(`${family.base.name} \\(loss\\) .*\\n.*\\n?${specialist.name} `))
    expect(output).toMatch(/CLIP score of drawn pictures/)
    expect(output).toMatch(
      /Recognition: .* of 4 \(by CLIP's image embedding; 2 pictures per caption, 1 step, guidance 1\)/,
    )
    const lines = readFileSync(csv, 'utf8').trim().split('\r\n')
    expect(lines[0]).toBe('measure,model,role,domain,timestep,specialist,pictures,value,low,high,caption,as')
    expect(lines.filter((line) => line.startsWith('loss,'))).toHaveLength(9)
    expect(lines.filter((line) => line.startsWith('loss-at-timestep,'))).toHaveLength(3 * 2 * 10)
    const differences = lines.filter((line) => line.startsWith('difference,"copy, of base",merge'))
    expect(differences).toHaveLength(3)
    for (const line of differences) expect(line.split(',').at(-5)).toBe('0')
    expect(
      lines.filter((line) => line.startsWith('clip-difference,"copy, of base"')).map((line) => line.split(',')[8]),
    ).toEqual(['0', '0', '0'])
    const recognised = lines.filter((line) => line.startsWith('recognised,'))
    expect(recognised).toHaveLength(9)
    // One caption of each domain, so a share has no interval; a picture is one of a red or of a blue picture.
    for (const line of recognised) expect(line).toMatch(/,(0|0\.25|0\.5|0\.75|1),,,,$/)
    const { width, height } = decodePng(readFileSync(png))
    expect(width).toBeGreaterThan(height)
  })

  it('scores what models draw for the prompts of a file', async () => {
    const prompts = join(folder, 'prompts.txt')
    writeFileSync(prompts, '[fruit]\na red apple\na green apple\n[boats]\na boat\n')
    const { code, output } = await evaluate(
      ...['--model', family.base.path, '--model', specialist.path, '--data', images, '--pictures', '1', '--json'],
      ...['--clip', CLIP, '--prompt-file', prompts, '--prompts', '1', '--steps', '1', '--guidance', '1'],
    )
    expect(code).toBe(0)
    const { scores } = JSON.parse(output) as Evaluation
    expect(scores!.domains).toEqual([{ name: 'fruit' }, { name: 'boats' }])
    const [{ scorer, models, best }] = scores!.scores as [ScoreSummary]
    expect([scorer, models.map(({ role }) => role), best.length]).toEqual(['clip', ['base', 'specialist'], 3])
  })

  it('draws with no model whose loss could not be measured', async () => {
    const ruined = join(folder, 'ruined')
    cpSync(specialist.path, ruined, { recursive: true })
    const weights = join(ruined, 'diffusion_pytorch_model.safetensors')
    const bytes = readFileSync(weights)
    writeFileSync(weights, bytes.fill(0xff, bytes.byteLength - 2000))
    const command = [
      ...['--model', family.base.path, '--model', ruined, '--data', images, '--pictures', '1', '--json'],
      ...['--clip', CLIP, '--prompts', '1', '--steps', '1', '--guidance', '1', '--seeds', '1'],
    ]
    const { code, output, errors } = await evaluate(...command)
    expect(code).toBe(1) // nothing is left beside the base
    expect(errors.match(/^ruined: .*/gm)).toEqual([expect.stringMatching(/NaN or infinity/)])
    const { scores } = JSON.parse(output) as Evaluation
    expect(scores!.scores.map(({ models }) => models.map(({ role }) => role))).toEqual([['base']])
    // Nor have shares anything else to say of it.
    const results = ['--results', join(folder, 'results')]
    const share = await evaluate(...command, ...results, '--share', '1/1')
    expect(share.code).toBe(0)
    expect(share.errors).toMatch(/NaN or infinity/)
    const gathered = await evaluate(...command, ...results, '--gather')
    expect(gathered).toMatchObject({ code: 1, errors })
    expect((JSON.parse(gathered.output) as Evaluation).scores).toEqual(scores)
  })

  it.each([
    { args: ['--data', images], code: 2, error: /--model PATH/ },
    {
      args: [
        '--model',
        unet(specialist.name),
        '--model',
        unet(specialist.name),
        '--base',
        family.base.path,
        '--data',
        images,
      ],
      code: 2,
      error: /is given twice/,
    },
    { args: ['--model', family.base.path, '--data', join(folder, 'none')], code: 1, error: /none is not there/ },
    {
      args: ['--model', family.base.path, '--data', images, '--split', 'train'],
      code: 1,
      error: /no training pictures/,
    },
    { args: ['--model', specialist.path, '--data', images], code: 1, error: /no vae|no text_encoder/ },
    {
      args: ['--model', family.base.path, '--data', images, '--pictures', '1', '--clip', family.base.path],
      code: 1,
      error: /CLIP|vocab|tokenizer/,
    },
  ])('ends with $code and $error', async ({ args, code, error }) => {
    const ended = await evaluate(...args)
    expect(ended.code).toBe(code)
    expect(ended.errors).toMatch(error)
    expect(ended.output).toBe('')
  })
})
