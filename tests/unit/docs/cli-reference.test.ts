import { expect, it, vi } from 'vitest'
import { createProgram, exitCodeOf } from '../../../src-main/cli/program'

const WIDTH = 100
const ROOT = new URL('file:///')
const FILES = { workerFile: ROOT, clipVocabulary: '', demoFolder: '', builtFolder: ROOT, extractFile: null }

async function namesOfCommands(name?: string): Promise<string[]> {
  const { commands } = await createProgram(FILES, name)
  return commands.map((command) => command.name())
}

/** docs/cli.md, made of what the commands say themselves. */
async function cliReference(): Promise<string> {
  const program = await createProgram(FILES)
  const commands = program.commands.map((command) => {
    const help = command.configureHelp({ ...command.configureHelp(), helpWidth: WIDTH }).helpInformation()
    return `## ${command.name()}\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\`\n`
  })
  return `${INTRODUCTION}\n${commands.join('\n')}`
}

const INTRODUCTION = `# The command line

Whatever the window does, the command line does: \`node out/main/cli.js\` after \`npm run build\`, or \`npx featurefusion\`. Packages have \`featurefusion\` ([install.md](install.md)).

- \`--json\` on every command but \`serve\`: the result, or the error, as JSON on standard output. Progress and notes go to standard error.
- Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled.
- A model is a diffusers folder, a folder of one component (\`unet/\`), a single file, or a project (\`.fusion.json\`): its merge. A specialist may also be an adapter.
- Every running program has a data folder of its own; \`serve --data DIR\` names it ([ADR 10](adr/0010-one-program-per-data-folder.md)).

This page is made from the commands' own help: \`npx vitest run tests/unit/docs -u\` writes it again, \`npm test\` checks it.
`

it('docs/cli.md says what the commands say', async () => {
  await expect(await cliReference()).toMatchFileSnapshot('../../../docs/cli.md')
})

it('says wrong usage as JSON, too, where that is asked for', async () => {
  const printed: string[] = []
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => printed.push(String(text)) > 0)
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  expect(await exitCodeOf(FILES, ['open', '--json'])).toBe(2)
  vi.restoreAllMocks()
  const { error } = JSON.parse(printed.join('')) as { error: { message: string } }
  expect(error.message).toMatch(/missing required argument/)
})

it('a command line has the command that it names alone, and all where it names none', async () => {
  const all = await namesOfCommands()
  for (const name of all) expect(await namesOfCommands(name)).toEqual([name])
  for (const name of ['--help', 'help', 'merg', 'constructor']) expect(await namesOfCommands(name)).toEqual(all)
  for (const name of ['-V', '--version']) expect(await namesOfCommands(name)).toEqual([])
})
