import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { MOST_PROMPT_CHARACTERS } from '../../src-main/contract/values/prompt'
import { projectSchema } from '../../src-main/contract/document/project'
import { findCaptionedImages } from '../../src-main/engine/evaluate/data/captioned-images'
import { describeEvaluationSet } from '../../src-main/engine/evaluate/data/evaluation-set'
import { encodePng } from '../../src-main/engine/image/png'
import { DEMO, family } from '../unit/demo-family'
import { temporaryFolder } from '../unit/engine/merge/models'
import { TestServer } from '../unit/server/server'
import { CommandLine } from './support/command-line'

// Processes that are started while other tests keep the machine busy.
vi.setConfig({ testTimeout: 90_000 })

const TOO_LONG = 'word '.repeat(12_000)
/** The longest one that is allowed, as many chunks as it can be. */
const LONGEST = '(a, ['.repeat(MOST_PROMPT_CHARACTERS / 5)

const model = family.base.path
const generate = ['generate', '--model', model, '--device', 'cpu', '--steps', '1', '--size', '32x32', '--json']

function project(preview: object): object {
  const { models } = projectSchema.parse({
    format: 'featurefusion-project',
    version: 1,
    models: [family.base, ...family.specialists],
  })
  return { format: 'featurefusion-project', version: 1, models, preview }
}

/** The arguments of every command that takes a prompt, with one that is too long. */
const COMMANDS: Readonly<Record<string, (folder: string) => string[]>> = {
  'a prompt': (folder) => [...generate, '--out', folder, '--prompt', TOO_LONG],
  'a negative prompt': (folder) => [...generate, '--out', folder, '--prompt', 'a', '--negative', TOO_LONG],
  'a weighted prompt': (folder) => [...generate, '--out', folder, '--prompt-syntax', 'weighted', '--prompt', TOO_LONG],
  'a prompt of a project': (folder) => {
    const file = join(folder, 'project.fusion.json')
    writeFileSync(file, JSON.stringify(project({ prompts: [TOO_LONG] })))
    return ['merge', file, '--dry-run', '--json', '--out', join(folder, 'merged')]
  },
  'a negative prompt of a project': (folder) => {
    const file = join(folder, 'project.fusion.json')
    writeFileSync(file, JSON.stringify(project({ negativePrompt: TOO_LONG })))
    return ['merge', file, '--dry-run', '--json', '--out', join(folder, 'merged')]
  },
  'a prompt to calibrate with': (folder) => {
    const file = join(folder, 'prompts.txt')
    writeFileSync(file, `one\n${TOO_LONG}\n`)
    const { name, path } = family.specialists[0]!
    const models = ['--base', model, '--specialist', `${name}=${path}`]
    return ['calibrate', ...models, '--prompts', `${name}=${file}`, '--json', '--out', join(folder, 'calibration')]
  },
}

it.each(Object.keys(COMMANDS))('%s of 60,000 characters is refused in words', async (name) => {
  const folder = temporaryFolder()
  const { code, stdout, stderr, hung } = await new CommandLine(folder).run(COMMANDS[name]!(folder))
  expect({ code, hung }, stderr).toEqual({ code: 1, hung: false })
  expect(JSON.parse(stdout).error.kind).toMatch(/^(validation|malformed)$/)
  expect(stdout).toContain('at most 10,000 characters')
})

it('the longest prompt that is allowed makes a picture', async () => {
  const folder = temporaryFolder()
  const args = [...generate, '--out', folder, '--prompt-syntax', 'weighted', '--prompt', LONGEST]
  const { code, hung, stderr } = await new CommandLine(folder).run(args, { limitMs: 60_000 })
  expect({ code, hung }, stderr).toEqual({ code: 0, hung: false })
})

it('serve refuses edits with prompts that are too long, and goes on', async () => {
  const server = await TestServer.start()
  try {
    const edit = (preview: object) =>
      server.command('project.edit', { edits: [{ type: 'set-preview', preview }], label: 'prompts' })
    for (const preview of [{ prompts: [TOO_LONG] }, { negativePrompt: TOO_LONG }]) {
      const reply = await edit(preview)
      expect(reply).toMatchObject({ ok: false, error: { kind: 'validation' } })
      expect(JSON.stringify(reply)).toContain('at most 10,000 characters')
    }
    expect(await edit({ prompts: [LONGEST] })).toMatchObject({ ok: true })
  } finally {
    await server.close()
  }
})

it('captions that are too long are named with their file', async () => {
  const folder = temporaryFolder()
  const picture = encodePng({ width: 8, height: 8, channels: 3, data: new Uint8Array(192) })
  writeFileSync(join(folder, 'a.png'), picture)
  writeFileSync(join(folder, 'a.txt'), TOO_LONG.trim())
  await expect(findCaptionedImages(folder)).rejects.toMatchObject({
    kind: 'validation',
    message: `The caption of ${join(folder, 'a.png')} has 59,999 characters.`,
  })
  cpSync(join(DEMO, 'evaluation', 'evaluation.json'), join(folder, 'evaluation.json'))
  const description = JSON.parse(readFileSync(join(folder, 'evaluation.json'), 'utf8'))
  const [domain] = Object.values<{ pictures: { caption: string }[] }>(description.domains)
  domain!.pictures[0]!.caption = TOO_LONG
  writeFileSync(join(folder, 'evaluation.json'), JSON.stringify(description))
  await expect(describeEvaluationSet(folder)).rejects.toMatchObject({
    kind: 'malformed',
    detail: expect.stringContaining('at most 10,000 characters'),
  })
})
