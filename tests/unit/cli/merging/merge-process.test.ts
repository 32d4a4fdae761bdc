import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { writingError } from '../../../../src-main/engine/files/writing/writing-error'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { readSafetensors } from '../../../../src-main/engine/checkpoint/containers/safetensors'
import { runJobs } from '../../../../src-main/engine/merge/job-pool'
import type { CopyJob } from '../../../../src-main/engine/merge/jobs/tensor-job'
import { familyFolders } from '../../demo-family'
import { noise } from '../../engine/tensor/inputs'
import { merge, projectOf, sha256, temporaryFolder, tensor, writeModel } from '../../engine/merge/models'
import { BuiltCli } from '../built-cli'

const [BASE, FIRST, SECOND] = familyFolders as [string, string, string]
const DEMO_MODELS = ['--base', BASE, '--specialist', FIRST, '--specialist', SECOND]
const UNET = 'unet/diffusion_pytorch_model.safetensors'

let cli: BuiltCli
beforeAll(async () => {
  cli = await BuiltCli.build()
}, 60_000)
afterAll(() => cli.remove())

/** Waits until a merge into `folder` has begun to write. */
async function begun(folder: string): Promise<void> {
  while (!readdirSync(folder).some((name) => name.endsWith('.partial'))) await delay(2)
}

/** A base and a specialist of a few layers, in files. */
function twoModels(folder: string): string[] {
  return [1, 2].map((seed) =>
    writeModel(join(folder, `model-${seed}.safetensors`), {
      'layer.weight': tensor([32, 64], noise(32 * 64, seed)),
      'norm.weight': tensor([64], noise(64, seed)),
    }),
  )
}

const options = (paths: readonly string[], out: string): string[] => [
  'merge',
  ...paths.flatMap((path, index) => [index === 0 ? '--base' : '--specialist', path]),
  '--device',
  'cpu',
  '--json',
  '--out',
  out,
]

/** The error that a command printed as JSON. */
function errorOf({ stdout }: { stdout: string }): { kind: string; message: string; hint?: string } {
  return (JSON.parse(stdout) as { error: { kind: string; message: string } }).error
}

it('a merge that is killed at any time leaves no half file at its name, and the next one leaves nothing else', async () => {
  const folder = temporaryFolder()
  const out = join(folder, 'merged')
  const args = ['merge', ...DEMO_MODELS, '--device', 'cpu', '--out', out]
  const first = cli.start(...args)
  await begun(folder)
  const started = performance.now()
  expect((await first.ended).code).toBe(0)
  const took = performance.now() - started
  const digest = sha256(join(out, UNET))
  let leftovers = 0
  const stranger = join(folder, '.merged.notes')
  writeFileSync(stranger, 'mine')
  const kills = 8
  for (let kill = 0; kill < kills; kill++) {
    // Half of them replace an export that stands, half make a new one.
    if (kill % 2 === 0) execFileSync('rm', ['-rf', out])
    const { process: child, ended } = cli.start(...args)
    await begun(folder)
    await delay(((kill + 0.5) / kills) * took)
    child.kill('SIGKILL')
    await ended
    leftovers += readdirSync(folder).filter((name) => name.includes('.partial')).length
    if (!existsSync(out)) continue
    expect(sha256(join(out, UNET))).toBe(digest)
    expect((await openCheckpoint(out)).problems).toEqual([])
  }
  expect(leftovers).toBeGreaterThan(0)
  expect((await cli.run(...args)).code).toBe(0)
  expect(sha256(join(out, UNET))).toBe(digest)
  expect(readdirSync(folder).sort()).toEqual(['.merged.notes', 'merged'])
}, 500_000)

it.each(['soup', 'featurefusion', 'ties'])(
  '%s gives the same bytes on any number of threads',
  async (method) => {
    const folder = temporaryFolder()
    const digests = new Set<string>()
    for (const threads of ['1', '3']) {
      const out = join(folder, threads)
      const { code, stderr } = await cli.run(
        'merge',
        ...DEMO_MODELS,
        '--method',
        method,
        '--threads',
        threads,
        '--out',
        out,
      )
      expect([code, stderr]).toEqual([0, ''])
      digests.add(sha256(join(out, UNET)))
    }
    // And on no thread of its own.
    const specialists = [FIRST, SECOND].map((path) => ({ path, name: basename(path) }))
    const models = [{ path: BASE, name: 'base' }, ...specialists]
    await merge(projectOf(models, { name: method }), join(folder, 'inline'))
    digests.add(sha256(join(folder, 'inline', UNET)))
    expect(digests.size).toBe(1)
  },
  60_000,
)

it('Ctrl-C ends a merge soon, with 130, and says what it keeps', async () => {
  const folder = temporaryFolder()
  const { process: child, ended } = cli.start('merge', ...DEMO_MODELS, '--device', 'cpu', '--out', join(folder, 'out'))
  await begun(folder)
  await delay(100)
  const cancelled = performance.now()
  child.kill('SIGINT')
  const { code, stderr } = await ended
  expect(performance.now() - cancelled).toBeLessThan(10_000)
  expect([code, stderr]).toEqual([130, expect.stringContaining('ancelled')])
  const kept = ['.out.0.partial', '.out.0.partial.journal']
  expect(readdirSync(folder).sort()).toEqual(stderr.includes('are written and kept') ? kept : [])
})

describe('a clear refusal', () => {
  const refused = async (args: string[], kind: string, words: RegExp): Promise<void> => {
    const ended = await cli.run(...args)
    expect(ended.code).toBe(1)
    expect(errorOf(ended)).toMatchObject({ kind, message: expect.stringMatching(words) })
    expect(ended.stderr).toMatch(words)
  }

  it('of a target that is a source, inside one, or holds one', async () => {
    const folder = temporaryFolder()
    const paths = twoModels(folder)
    const before = paths.map(sha256)
    await refused(options(paths, paths[1]!), 'target', /is or lies inside .*model-2/)
    symlinkSync(paths[0]!, join(folder, 'link.safetensors'))
    await refused(options(paths, join(folder, 'link.safetensors')), 'target', /is or lies inside .*model-1/)
    await refused(options([BASE, FIRST], join(BASE, 'x')), 'target', /lies inside/)
    expect(paths.map(sha256)).toEqual(before)
    expect(existsSync(join(BASE, 'x'))).toBe(false)
  })

  it('of something at the name that this program did not write, until it is allowed', async () => {
    const folder = temporaryFolder()
    const paths = twoModels(folder)
    const out = writeModel(join(folder, 'out.safetensors'), { x: tensor([1], [1]) })
    await refused(options(paths, out), 'target', /exists already/)
    expect((await cli.run(...options(paths, out), '--overwrite')).code).toBe(0)
    expect((await cli.run(...options(paths, out))).code).toBe(0) // its own export
    mkdirSync(join(folder, 'folder.safetensors'))
    await refused([...options(paths, join(folder, 'folder')), '--overwrite'], 'target', /exists already/)
  })

  it('of a name to which another process writes', async () => {
    const folder = temporaryFolder()
    const paths = twoModels(folder)
    const other = cli.start(
      'merge',
      ...DEMO_MODELS,
      '--device',
      'cpu',
      '--layout',
      'single-file',
      '--out',
      join(folder, 'out.safetensors'),
    )
    await begun(folder)
    other.process.kill('SIGSTOP')
    await refused(options(paths, join(folder, 'out')), 'target', /Another process \(\d+\) is writing/)
    other.process.kill('SIGCONT')
    expect((await other.ended).code).toBe(0)
  })

  it('of the same path twice', async () => {
    const folder = temporaryFolder()
    const [a] = twoModels(folder) as [string]
    const twice = [...options([a, a], join(folder, 'out')), '--specialist', `again=${a}`]
    await refused(twice, 'validation', /the same path/)
  })

  it('of weights that are not finite, with file and tensor', async () => {
    const folder = temporaryFolder()
    const [a] = twoModels(folder) as [string]
    const bad = writeModel(join(folder, 'bad.safetensors'), {
      'layer.weight': tensor([32, 64], noise(32 * 64, 3)),
      'norm.weight': tensor([64], new Float32Array(64).fill(Infinity)),
    })
    await refused(options([a, bad], join(folder, 'out')), 'not-finite', /bad\.safetensors has NaN.* norm\.weight/)
    expect(readdirSync(folder).sort()).toEqual(['bad.safetensors', 'model-1.safetensors', 'model-2.safetensors'])
  })

  it('of parts that are not there and of weights for no block', async () => {
    const out = join(temporaryFolder(), 'out')
    const demo = options([BASE, FIRST], out)
    await refused([...demo, '--include', 'text_encoder_2'], 'validation', /no text_encoder_2 to merge/)
    await refused([...demo, '--block-weights', `${basename(FIRST)}=IN99:1`], 'validation', /IN99/)
    const usage = await cli.run(...demo, '--threads', 'many')
    expect([usage.code, usage.stderr]).toEqual([2, expect.stringContaining('threads')])
  })

  it('of a source that is not there or cannot be read', async () => {
    const folder = temporaryFolder()
    const paths = twoModels(folder)
    await refused(options([paths[0]!, join(folder, 'none')], join(folder, 'out')), 'not-found', /none is not there/)
    if (process.getuid?.() === 0) return // root reads everything
    chmodSync(paths[1]!, 0)
    await refused(options(paths, join(folder, 'out')), 'unreadable', /model-2/)
  })
})

/** A small file system of its own; null where this user may not mount one. */
function smallDisk(bytes: number): string | null {
  const folder = temporaryFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${Math.round(bytes)}`, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return null
  }
  onTestFinished(() => void execFileSync('umount', [folder]))
  return folder
}

describe('a disk', () => {
  it('that is too small is refused before anything is written', async ({ skip }) => {
    const disk = smallDisk(4096 * 8)
    if (disk === null) return skip('needs the right to mount a small disk')
    const ended = await cli.run(...options(twoModels(temporaryFolder()), join(disk, 'a')), '--dtype', 'fp32')
    expect(ended.code).toBe(0)
    const large = await cli.run('merge', ...DEMO_MODELS, '--json', '--out', join(disk, 'b'))
    expect(large.code).toBe(1)
    expect(errorOf(large)).toMatchObject({
      kind: 'target',
      message: expect.stringMatching(/takes .* MB; its disk has/),
    })
    expect(readdirSync(disk)).toEqual(['a.safetensors'])
  })

  it('that runs full leaves nothing behind', async ({ skip }) => {
    const { files } = await openCheckpoint(BASE)
    const disk = smallDisk(1.2 * files.reduce((sum, { path }) => sum + statSync(path).size, 0))
    if (disk === null) return skip('needs the right to mount a small disk')
    let filled = false
    const run = merge(projectOf([BASE, FIRST], { name: 'soup' }), join(disk, 'out'), {
      onProgress(phase, fraction) {
        if (filled || phase !== 'merging' || fraction < 0.2) return
        filled = true
        try {
          for (let i = 0; ; i++) writeFileSync(join(disk, `filler-${i}`), new Uint8Array(100_000))
        } catch {
          // full
        }
      },
    })
    await expect(run).rejects.toMatchObject({ kind: 'target', message: expect.stringContaining('The disk is full') })
    expect(readdirSync(disk).filter((name) => !name.startsWith('filler'))).toEqual([])
  })

  it('that is read-only is refused', async ({ skip }) => {
    const disk = smallDisk(1_000_000)
    if (disk === null) return skip('needs the right to mount a small disk')
    execFileSync('mount', ['-o', 'remount,ro', disk])
    const ended = await cli.run(...options(twoModels(temporaryFolder()), join(disk, 'out')))
    expect(ended.code).toBe(1)
    expect(errorOf(ended)).toMatchObject({ kind: 'target', message: expect.stringContaining(disk) })
  })

  it.runIf(existsSync('/dev/full'))('that refuses a worker thread is told in words', async () => {
    const folder = temporaryFolder()
    const [path] = twoModels(folder) as [string]
    const { tensors } = await readSafetensors(path)
    const [stored] = tensors
    const target = {
      path: '/dev/full',
      position: 0,
      elementType: 'F32',
      scaled: false,
      transposed: false,
      gain: 1,
    } as const
    const job: CopyJob = {
      kind: 'copy',
      stored: stored!,
      start: 0,
      name: stored!.name,
      mayBeInfinite: true,
      target,
      byteLength: stored!.byteLength,
    }
    const pool = { workerFile: cli.workerFile, threads: 2, sources: [] }
    const error: unknown = await runJobs([job], pool, () => {}).catch((caught: unknown) => caught)
    expect(writingError(error, '/out')).toMatchObject({
      kind: 'target',
      message: 'The disk is full: /out could not be written.',
    })
  })
})
