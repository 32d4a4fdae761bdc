import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { UnlearningLosses } from '../../../../src-main/contract/unlearning'
import { CONTRIBUTIONS_FOLDER } from '../../../../src-main/engine/merge/contributions/cache-space'
import { copyEvaluation, familyFolders } from '../../demo-family'
import { noise } from '../../engine/tensor/inputs'
import { readModel, sha256, temporaryFolder, tensor, writeModel } from '../../engine/merge/models'
import { BuiltCli, type Ended } from '../built-cli'

const [BASE, FIRST, SECOND] = familyFolders as [string, string, string]
const NAMES = [FIRST, SECOND].map((path) => basename(path))
const DEMO_MODELS = ['--base', BASE, '--specialist', FIRST, '--specialist', SECOND]
const UNET = 'unet/diffusion_pytorch_model.safetensors'
/** How far values of the merges here may be apart: one unit in the last place of float16, and float16's of differences. */
const TOLERANCE = 2 ** -9

let built: BuiltCli
beforeAll(async () => {
  built = await BuiltCli.build()
}, 120_000)
afterAll(() => built.remove())

/** A folder, and the program with a cache of its own in it. */
function place(): { folder: string; cache: string; cli: BuiltCli } {
  const folder = temporaryFolder()
  const cache = join(folder, 'cache')
  return { folder, cache, cli: built.withCache(cache) }
}

/** A base and two specialists of a few layers as options; `rows` makes them large. */
function threeModels(folder: string, rows = 64): string[] {
  const change = 0.1
  const base = noise(rows * 64, 1)
  const [a, b, c] = [0, 1, 2].map((seed) =>
    writeModel(join(folder, `model-${seed}.safetensors`), {
      'layer.weight': tensor(
        [rows, 64],
        seed === 0 ? base : noise(rows * 64, seed).map((v, i) => base[i]! + change * v),
      ),
      'layer.bias': tensor([rows], noise(rows, 10 + seed)),
      'norm.weight': tensor([64], noise(64, 20 + seed)),
    }),
  ) as [string, string, string]
  return ['--base', a, '--specialist', `b=${b}`, '--specialist', `c=${c}`, '--device', 'cpu']
}

function succeed({ code, stdout, stderr }: Ended): unknown {
  expect([code, code === 0 ? '' : stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
}

function contributionFiles(cache: string): string[] {
  const folder = join(cache, CONTRIBUTIONS_FOLDER)
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.safetensors')) : []
}

function partials(cache: string): string[] {
  const folder = join(cache, CONTRIBUTIONS_FOLDER)
  // Thresholds are written there too, in a moment, before contributions are.
  return existsSync(folder) ? readdirSync(folder).filter((name) => /\.safetensors\..*\.partial$/.test(name)) : []
}

/** Waits until contributions are being written. */
async function writing(cache: string): Promise<void> {
  while (partials(cache).length === 0) await delay(2)
}

async function expectClose(path: string, other: string): Promise<void> {
  const [ours, theirs] = [await readModel(path), await readModel(other)]
  expect([...ours.keys()]).toEqual([...theirs.keys()])
  for (const [name, { values }] of ours) {
    const expected = theirs.get(name)!.values
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    const apart = values.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0)
    expect(apart, name).toBeLessThanOrEqual(TOLERANCE * largest)
  }
}

describe('the shipped models', () => {
  it('are re-weighted to the bytes of a merge with these weights, and unlearnt to a merge without', async () => {
    const { folder, cache, cli } = place()
    const out = (name: string): string => join(folder, name)
    mkdirSync(out('pictures'))
    const common = ['--device', 'cpu', '--json', '--out']
    const project = join(folder, 'demo.fusion.json')
    const models = [BASE, FIRST, SECOND].map((path, index) => ({ path, name: index === 0 ? 'base' : basename(path) }))
    writeFileSync(project, JSON.stringify({ format: 'featurefusion-project', version: 1, models }))
    const forecast = async (): Promise<{ bytes: number; missingBytes: number }> => {
      const { forecast } = succeed(await cli.run('merge', project, '--reuse', '--dry-run', '--json')) as {
        forecast: { contributions: { bytes: number; missingBytes: number } }
      }
      return forecast.contributions
    }
    const before = await forecast()
    expect(before.missingBytes).toBe(before.bytes)
    succeed(await cli.run('merge', project, '--reuse', ...common, out('first')))
    const files = contributionFiles(cache)
    expect(files).toHaveLength(3)
    expect(await forecast()).toEqual({ bytes: before.bytes, missingBytes: 0 })
    const sizes = files.map((name) => statSync(join(cache, CONTRIBUTIONS_FOLDER, name)).size)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(before.bytes)

    const weights = ['--weight', `${NAMES[0]!}=0.25`, '--weight', 'base=0.5']
    succeed(await cli.run('reweight', project, ...weights, ...common, out('reweighted')))
    const weighted = DEMO_MODELS.with(1, `${BASE}@0.5`).with(3, `${FIRST}@0.25`)
    succeed(await cli.run('merge', ...weighted, '--reuse', ...common, out('merged')))
    expect(sha256(join(out('reweighted'), UNET))).toBe(sha256(join(out('merged'), UNET)))
    expect(sha256(join(out('reweighted'), UNET))).not.toBe(sha256(join(out('first'), UNET)))

    const evaluation = ['--evaluation', copyEvaluation(out('pictures'), NAMES)]
    const unlearnt = succeed(
      await cli.run('unlearn', project, NAMES[0]!, ...evaluation, ...common, out('unlearnt')),
    ) as Unlearnt
    expect(contributionFiles(cache)).toEqual(files)
    const threshold = ['--threshold', '0.9']
    succeed(await cli.run('unlearn', NAMES[0]!, ...DEMO_MODELS, ...threshold, ...common, out('unlearnt-0.9')))
    const remaining = ['--base', BASE, '--specialist', SECOND]
    succeed(await cli.run('merge', ...remaining, ...threshold, ...common, out('fresh-0.9')))
    await expectClose(join(out('unlearnt-0.9'), UNET), join(out('fresh-0.9'), UNET))

    const { report, losses } = unlearnt
    expect(report.total.relative).toBeGreaterThan(0)
    expect(report.blocks.map(({ block }) => block)).toEqual(expect.arrayContaining(['IN00', 'M00', 'OUT00']))
    const own = losses.domains.find(({ domain }) => domain === losses.gain.domain)!
    expect([losses.gain.before.value, losses.gain.after.value]).toEqual([own.before, own.after])
    expect(losses.gain.difference.value).toBeCloseTo(own.after - own.before, 12)
    for (const { base, before: with_, after } of losses.domains) {
      expect([base, with_, after].every((loss) => loss > 0 && loss < 2)).toBe(true)
      expect(with_).not.toBe(after)
    }
  }, 300_000)
})

interface Unlearnt {
  report: { total: { relative: number }; blocks: { block: string }[]; tensors: { tensor: string; relative: number }[] }
  losses: UnlearningLosses
}

describe('one cache folder', () => {
  it('serves two processes at once: what one computes the other waits for', async () => {
    const { folder, cache, cli } = place()
    const models = threeModels(folder, 2048)
    const start = (name: string) => cli.start('merge', ...models, '--reuse', '--json', '--out', join(folder, name))
    const first = start('a.safetensors')
    await writing(cache)
    first.process.kill('SIGSTOP')
    const begun = partials(cache)
    const second = start('b.safetensors')
    let ended = false
    void second.ended.then(() => (ended = true))
    await delay(1500)
    expect([ended, partials(cache)]).toEqual([false, begun])
    first.process.kill('SIGCONT')
    const computed = succeed(await first.ended) as { layers: unknown }
    expect(succeed(await second.ended)).toMatchObject({ layers: computed.layers })
    expect(contributionFiles(cache)).toHaveLength(3)
    expect(sha256(join(folder, 'a.safetensors'))).toBe(sha256(join(folder, 'b.safetensors')))
  })

  it('holds nothing that is read of a process that was killed while it wrote', async () => {
    const { folder, cache, cli } = place()
    const models = threeModels(folder, 4096)
    const args = ['merge', ...models, '--reuse', '--json', '--out']
    for (const wait of [0, 30, 90]) {
      rmSync(cache, { recursive: true, force: true })
      const { process: child, ended } = cli.start(...args, join(folder, 'killed.safetensors'))
      await writing(cache)
      await delay(wait)
      child.kill('SIGKILL')
      await ended
    }
    expect(existsSync(join(folder, 'killed.safetensors'))).toBe(false)
    succeed(await cli.run(...args, join(folder, 'next.safetensors')))
    expect(contributionFiles(cache)).toHaveLength(3)
    expect(partials(cache)).toEqual([])
    const other = built.withCache(join(folder, 'other'))
    succeed(await other.run(...args, join(folder, 'other.safetensors')))
    expect(sha256(join(folder, 'next.safetensors'))).toBe(sha256(join(folder, 'other.safetensors')))
  })

  it('keeps to its limit, but what was just used', async () => {
    const { folder, cache, cli } = place()
    const models = threeModels(folder)
    const run = (...more: string[]) =>
      cli.run('merge', ...models, '--reuse', '--json', '--overwrite', '--out', join(folder, 'a'), ...more)
    succeed(await run('--threshold', '0.8'))
    const old = contributionFiles(cache)
    const kept = join(cache, CONTRIBUTIONS_FOLDER)
    const longAgo = new Date(Date.now() - 3_600_000)
    for (const name of old) utimesSync(join(kept, name), longAgo, longAgo)
    // As a process that is long dead left it, and as one that is alive does.
    writeFileSync(join(kept, '.x.safetensors.4194304999.partial'), 'half')
    writeFileSync(join(kept, `.y.safetensors.${process.pid}.partial`), 'half')
    succeed(await run('--threshold', '0.7'))
    expect(contributionFiles(cache).filter((name) => !name.startsWith('.'))).toHaveLength(6)
    expect(readdirSync(kept).filter((name) => name.startsWith('.'))).toEqual([`.y.safetensors.${process.pid}.partial`])
    succeed(await run('--threshold', '0.7', '--cache-limit', '0'))
    expect(contributionFiles(cache)).toHaveLength(3)
    expect(contributionFiles(cache)).not.toEqual(expect.arrayContaining(old))
  })
})

describe('a cache folder', () => {
  const mergeWith = (disk: string, folder: string): Promise<Ended> => {
    const out = join(folder, 'out.safetensors')
    return built.withCache(disk).run('merge', ...threeModels(folder), '--reuse', '--json', '--out', out)
  }

  it('that is full is refused in words', async () => {
    const folder = temporaryFolder()
    const disk = smallDisk(16_384)
    if (disk === null) return
    const ended = await mergeWith(disk, folder)
    expect(ended.code).toBe(1)
    const { error } = JSON.parse(ended.stdout) as { error: { kind: string; message: string } }
    const message = expect.stringMatching(/contributions.* takes .* MB; its disk has/)
    expect(error).toMatchObject({ kind: 'target', message })
    expect(existsSync(join(folder, 'out.safetensors'))).toBe(false)
  })

  it('that is read-only is left alone: the merge is made, and a note says that nothing is kept', async () => {
    const folder = temporaryFolder()
    const disk = smallDisk(1_000_000)
    if (disk === null) return
    execFileSync('mount', ['-o', 'remount,ro', disk])
    const ended = await mergeWith(disk, folder)
    expect([ended.code, ended.stderr]).toEqual([0, expect.stringMatching(/cache folder cannot be used.*read-only/i)])
    expect(existsSync(join(folder, 'out.safetensors'))).toBe(true)
  })
})

describe('the command line', () => {
  it('runs the whole merge again where it is not a linear combination, and says so; else it says nothing', async () => {
    const { folder, cache, cli } = place()
    const models = threeModels(folder)
    const notes = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await cli.run(...args, ...models, '--overwrite', '--out', join(folder, 'a.safetensors'))
      expect([code, stderr.split('\n').filter((line) => !line.startsWith('Note'))]).toEqual([0, ['']])
      return stderr
    }
    expect(await notes('unlearn', 'b', '--method', 'ties')).toMatch(/TIES is not a linear combination .* runs again/)
    expect(await notes('reweight', '--weight', 'b=2', '--method', 'dare')).toMatch(/DARE is not a linear combination/)
    expect(await notes('reweight', '--weight', 'b=2', '--method', 'soup')).toBe('')
    expect(await notes('unlearn', 'b', '--method', 'task-arithmetic')).toBe('')
    expect(contributionFiles(cache)).toEqual([])
  })

  it('tells wrong usage', async () => {
    const { folder, cli } = place()
    const models = threeModels(folder)
    const out = ['--out', join(folder, 'a.safetensors')]
    const usage = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await cli.run(...args)
      expect(code).toBe(2)
      return stderr
    }
    expect(await usage('unlearn', 'nobody', ...models, ...out)).toMatch(/no model named nobody[^]*base, b, c/)
    expect(await usage('unlearn', 'base', ...models, ...out)).toMatch(/is the base/)
    expect(await usage('unlearn', 'b', ...models)).toMatch(/--out/)
    expect(await usage('unlearn', 'b', ...out)).toMatch(/--base/)
    expect(await usage('reweight', ...models, ...out)).toMatch(/--weight NAME=NUMBER/)
    expect(await usage('reweight', ...models, ...out, '--weight', 'b=much')).toMatch(/much is not a number/)
    expect(await usage('reweight', ...models, ...out, '--weight', 'd=1')).toMatch(/no model named d/)
    const mistyped = await cli.run('unlearn', 'b', ...models, ...out, '--evaluation', join(folder, 'nope'))
    expect([mistyped.code, mistyped.stderr]).toEqual([1, expect.stringMatching(/nope/)])
    expect(readdirSync(folder).filter((name) => !name.startsWith('model'))).toEqual([])
  })
})

/** A small file system of its own; null where this user may not mount one. */
function smallDisk(bytes: number): string | null {
  const folder = temporaryFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return null
  }
  onTestFinished(() => void execFileSync('umount', [folder]))
  mkdirSync(join(folder, 'x'))
  return folder
}
