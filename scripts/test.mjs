// npm test: installs what is missing, then runs every check; goes on after a failure, so that one run tells all.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkNode, installPackages, ROOT, run, tryRun } from './ready.mjs'
import { ensureStrace } from './strace.mjs'

checkNode()
installPackages()
const { ensureChromium } = await import('./chromium.mjs')
const chromium = ensureChromium()
ensureStrace()
const results = join(ROOT, 'test-results')
mkdirSync(results, { recursive: true })
run('npm', ['run', '--silent', 'build'])

/** What the last lines say besides the counts. */
const notes = []
const total = { passed: 0, failed: 0, skipped: 0 }
const count = (passed, failed, skipped) => {
  total.passed += passed
  total.failed += failed
  total.skipped += skipped
}

/** Runs a command with its output shown. */
async function runShown(title, command, args, env = {}) {
  console.log(`\n== ${title}`)
  return tryRun(command, args, env)
}

/** Runs a command, and shows what it printed when it is done: several may run side by side. */
async function runBeside(title, command, args, env = {}) {
  // npm and npx are scripts on Windows, which only a shell finds.
  const shell = process.platform === 'win32'
  const child = spawn(command, args, { cwd: ROOT, env: { ...process.env, ...env }, shell })
  const printed = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => printed.push(bytes))
  const status = await new Promise((done) => child.on('error', () => done(1)).on('close', done))
  const output = Buffer.concat(printed).toString()
  console.log(`\n== ${title}\n${output.trimEnd()}`)
  return { status, output }
}

/** A check that passes or fails as one. */
async function check(title, command, args) {
  const { status } = await runBeside(title, command, args)
  count(status === 0 ? 1 : 0, status === 0 ? 0 : 1, 0)
}

/** A check whose runner writes a JSON report that `read` turns into counts. */
async function suite(title, command, args, report, env, read, run = runShown) {
  const { status } = await run(title, command, args, env)
  const counts = existsSync(report) ? read(JSON.parse(readFileSync(report, 'utf8'))) : [0, 0, 0]
  if (status !== 0 && counts[1] === 0) counts[1] = 1
  count(...counts)
}

/** Tests that vitest runs. */
function vitest(title, name, args = [], run = runShown) {
  const report = join(results, `${name}.json`)
  return suite(
    title,
    'npx',
    ['vitest', 'run', ...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    report,
    {},
    ({ numPassedTests, numFailedTests, numPendingTests }) => [numPassedTests, numFailedTests, numPendingTests],
    run,
  )
}

async function goldens() {
  const { output } = await runBeside('reference data', 'npm', ['run', '--silent', 'test:golden'])
  const closing = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(output.trimEnd().split('\n').at(-1) ?? '')
  count(...(closing ? closing.slice(1).map(Number) : [0, 1, 0]))
}

/** Titles of Playwright's tests that failed once and then passed. */
const flakyTests = (suites) =>
  suites.flatMap(({ specs = [], suites: inner = [] }) => [
    ...specs
      .filter(({ tests }) => tests.some(({ status }) => status === 'flaky'))
      .map(({ file, title }) => `${file}: ${title}`),
    ...flakyTests(inner),
  ])

function browser() {
  const report = join(results, 'e2e.json')
  return suite(
    `end to end (${chromium ?? 'no Chromium found'})`,
    'npx',
    ['playwright', 'test', '--reporter=list,json'],
    report,
    { PLAYWRIGHT_JSON_OUTPUT_NAME: report, ...(chromium && { CHROMIUM: chromium }) },
    ({ stats, suites }) => {
      for (const title of flakyTests(suites)) notes.push(`passed on its second try only: ${title}`)
      return [stats.expected + stats.flaky, stats.unexpected, stats.skipped]
    },
  )
}

// What keeps one core busy runs beside others; what has threads or workers of its own runs alone.
await Promise.all([
  check('lint', 'npm', ['run', '--silent', 'lint']),
  check('format', 'npx', ['prettier', '--check', '--log-level', 'warn', '.']),
  check('types', 'npm', ['run', '--silent', 'typecheck']),
])
await vitest('unit tests', 'unit')
await Promise.all([vitest('attacks', 'attack', ['--config', 'tests/attack/vitest.config.ts'], runBeside), goldens()])
await vitest('packages', 'packages', ['--config', 'tests/packages/vitest.config.ts'])
await vitest('window in an Electron of 2021', 'electron-2021', ['--config', 'tests/electron-2021/vitest.config.ts'])
await browser()

console.log(['', ...notes, `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`].join('\n'))
process.exit(total.failed > 0 ? 1 : 0)
