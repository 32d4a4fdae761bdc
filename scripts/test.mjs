// npm test: installs what is missing, then runs every check; goes on after a failure, so that one run tells all.
import { spawnSync } from 'node:child_process'
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

const total = { passed: 0, failed: 0, skipped: 0 }
const count = (passed, failed, skipped) => {
  total.passed += passed
  total.failed += failed
  total.skipped += skipped
}

/** A check that passes or fails as one. */
function check(title, command, args) {
  console.log(`\n== ${title}`)
  const ok = tryRun(command, args).status === 0
  count(ok ? 1 : 0, ok ? 0 : 1, 0)
}

/** A check whose runner writes a JSON report that `read` turns into counts. */
function suite(title, command, args, report, env, read) {
  console.log(`\n== ${title}`)
  const { status } = tryRun(command, args, env)
  const counts = existsSync(report) ? read(JSON.parse(readFileSync(report, 'utf8'))) : [0, 0, 0]
  if (status !== 0 && counts[1] === 0) counts[1] = 1
  count(...counts)
}

/** Tests that vitest runs. */
function vitest(title, name, args = []) {
  const report = join(results, `${name}.json`)
  suite(
    title,
    'npx',
    ['vitest', 'run', ...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    report,
    {},
    ({ numPassedTests, numFailedTests, numPendingTests }) => [numPassedTests, numFailedTests, numPendingTests],
  )
}

check('lint', 'npm', ['run', '--silent', 'lint'])
check('format', 'npx', ['prettier', '--check', '--log-level', 'warn', '.'])
check('types', 'npm', ['run', '--silent', 'typecheck'])
vitest('unit tests', 'unit')
vitest('attacks', 'attack', ['--config', 'tests/attack/vitest.config.ts'])
vitest('packages', 'packages', ['--config', 'tests/packages/vitest.config.ts'])

console.log('\n== reference data')
const golden = spawnSync('npm', ['run', '--silent', 'test:golden'], { cwd: ROOT, encoding: 'utf8', maxBuffer: 1e8 })
process.stdout.write(golden.stdout)
process.stderr.write(golden.stderr)
const closing = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(golden.stdout.trimEnd().split('\n').at(-1) ?? '')
count(...(closing ? closing.slice(1).map(Number) : [0, 1, 0]))

const browser = join(results, 'e2e.json')
if (existsSync(join(ROOT, 'playwright.config.ts'))) {
  suite(
    `end to end (${chromium ?? 'no Chromium found'})`,
    'npx',
    ['playwright', 'test', '--reporter=list,json'],
    browser,
    { PLAYWRIGHT_JSON_OUTPUT_NAME: browser, ...(chromium && { CHROMIUM: chromium }) },
    ({ stats }) => [stats.expected, stats.unexpected + stats.flaky, stats.skipped],
  )
}

console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exit(total.failed > 0 ? 1 : 0)
