import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { family } from '../../demo-family'
import { sha256, temporaryFolder } from '../../engine/merge/models'
import { BuiltCli, type Ended } from '../built-cli'

const [first, second] = [family.specialists[0]!, family.specialists[1]!]
const MODELS = [
  ...['--base', family.base.path, '--device', 'cpu'],
  ...[first, second].flatMap(({ name, path }) => ['--specialist', `${name}=${path}`]),
]
/** Before an export that never comes so far counts as stuck. */
const LIMIT = 180_000

let cli: BuiltCli
let shared: string
let calibration: string
beforeAll(async () => {
  cli = await BuiltCli.build()
  shared = mkdtempSync(join(tmpdir(), 'resume-'))
  calibration = join(shared, 'calibration.safetensors')
  const data = [family.base, first, second].flatMap(({ name }) => ['--data', `${name}=${family.evaluation}`])
  const { code, stderr } = await cli.run('calibrate', ...MODELS, ...data, '--samples', '24', '--out', calibration)
  expect(code, stderr).toBe(0)
}, LIMIT)
afterAll(() => {
  cli.remove()
  rmSync(shared, { recursive: true })
})

/** sha256 of a file, or of every file of a folder by its path in it. */
function digests(path: string): Record<string, string> {
  const isFolder = existsSync(join(path, 'model_index.json'))
  if (!isFolder) return { '': sha256(path) }
  const entries = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const files = entries.map((entry) => join(entry.parentPath, entry.name)).sort()
  return Object.fromEntries(files.map((file) => [relative(path, file), sha256(file)]))
}

/** Lines of the journal of an unfinished export in a folder; 0 where there is none. */
function journalLines(folder: string): number {
  const journal = readdirSync(folder).find((name) => name.endsWith('.journal'))
  try {
    return journal === undefined ? 0 : readFileSync(join(folder, journal), 'utf8').split('\n').length
  } catch {
    return 0 // it was renamed meanwhile
  }
}

/** Starts a merge and kills it when its journal has so many lines more. @returns how it ended */
async function killed(folder: string, args: string[], lines: number): Promise<Ended> {
  const before = journalLines(folder)
  const { process: child, ended } = cli.start(...args)
  let over = false
  void ended.then(() => (over = true))
  while (!over && journalLines(folder) < before + lines) await delay(1)
  child.kill('SIGKILL')
  return ended
}

describe('an export that is killed at any point and continued is the one that is not', () => {
  it.each([
    ['soup', ['--method', 'soup', '--layout', 'single-file']],
    ['DARE', ['--method', 'dare', '--layout', 'diffusers']],
    ['FeatureFusion', ['--method', 'featurefusion', '--layout', 'diffusers']],
    ['FeatureFusion with kept contributions', ['--method', 'featurefusion', '--reuse', '--layout', 'single-file']],
    ['calibrated FeatureFusion', ['--statistics', 'calibrated', '--calibration']],
    ['feature regression', ['--method', 'feature-regression', '--calibration']],
  ])(
    '%s',
    async (_, options) => {
      const place = temporaryFolder()
      const settings = options.at(-1) === '--calibration' ? [...options, calibration] : options
      const name = options.includes('single-file') ? 'merged.safetensors' : 'merged'
      const merge = (folder: string): string[] => ['merge', ...MODELS, ...settings, '--out', join(folder, name)]
      const whole = join(place, 'whole')
      const uninterrupted = await cli.run(...merge(whole), '--json')
      expect(uninterrupted.code, uninterrupted.stderr).toBe(0)
      const folder = join(place, 'again')
      mkdirSync(folder)
      let kills = 0
      for (let round = 0; round < 2 && readdirSync(folder).every((one) => one.startsWith('.')); round++) {
        await killed(folder, merge(folder), 1 + Math.floor(Math.random() * 120))
        kills += Number(journalLines(folder) > 0)
      }
      const last = await cli.run(...merge(folder), '--json')
      expect(last.code, last.stderr).toBe(0)
      expect(kills).toBeGreaterThan(0)
      expect(readdirSync(folder)).toEqual([name])
      expect(digests(join(folder, name))).toEqual(digests(join(whole, name)))
      const { seconds: _one, path: _path, resumed, ...told } = JSON.parse(last.stdout) as Record<string, unknown>
      const {
        seconds: _other,
        path: _other_path,
        resumed: none,
        ...expected
      } = JSON.parse(uninterrupted.stdout) as typeof told
      expect(none).toBeNull()
      if (resumed !== null) expect(last.stderr).toMatch(/Resumes: \d+ of \d+ tensors are already written and checked/)
      expect(told).toEqual(expected)
      expect((await cli.run('verify', join(folder, name), '--json')).code).toBe(0)
    },
    LIMIT,
  )
})

it(
  'what a killed export leaves is listed and removed, and begun anew with --restart',
  async () => {
    const folder = temporaryFolder()
    const args = ['merge', ...MODELS, '--method', 'soup', '--layout', 'single-file', '--out', join(folder, 'a')]
    await killed(folder, args, 40)
    const { stdout } = await cli.run('unfinished', '--json')
    const { unfinished } = JSON.parse(stdout) as { unfinished: { path: string; partialPath: string }[] }
    const own = unfinished.find(({ path }) => path === join(folder, 'a.safetensors'))!
    expect(basename(own.partialPath)).toMatch(/^\.a\.safetensors\.\d+@[0-9a-f]{8}\.partial$/)
    const restarted = await cli.run(...args, '--restart')
    expect([restarted.code, restarted.stderr]).toEqual([0, expect.stringMatching(/Starts anew: .* asked for/)])
    await killed(folder, args, 40)
    expect((await cli.run('unfinished', '--remove', join(folder, 'a.safetensors'))).code).toBe(0)
    expect(readdirSync(folder)).toEqual(['a.safetensors'])
    const again = await cli.run('unfinished', '--remove', join(folder, 'a.safetensors'), '--json')
    expect([again.code, JSON.parse(again.stdout)]).toMatchObject([1, { error: { kind: 'not-found' } }])
  },
  LIMIT,
)
