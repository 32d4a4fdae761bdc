// A FeatureFusion merge of SD 1.4-sized UNets (base + 3, float16) in shares: one on one thread, two at once on one thread
// each, and eight, with what planning and gathering add. Sources' hashes cached; every gathered file is that of one run.
//   node scripts/run-ts.mjs tests/bench/averages/split.ts FOLDER [METHOD]      FOLDER holds synthetic-unets.ts' files
import { mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { hashFile } from '../../../src-main/engine/checkpoint/hash'
import { measureProcess, type Measured } from '../measure/process-tree'
import { writeSyntheticUnets } from '../inputs/synthetic-unets'

const LIMITS = { faster: 1.8, added: 0.05 }
const [given = 'out/bench-data', method = 'featurefusion'] = process.argv.slice(2)
const [base, ...others] = writeSyntheticUnets(resolve(given), 3)
const place = mkdtempSync(join(resolve(given), 'split-'))
const env = { ...process.env, FEATUREFUSION_CACHE: join(place, 'cache') }
const models = ['--method', method, '--base', base!, ...others.flatMap((path) => ['--specialist', path])]

function run(...args: string[]): Promise<Measured> {
  return measureProcess(process.execPath, [resolve('out/main/cli.js'), ...args, '--device', 'cpu'], env)
}

/** Plans, does all shares, a few at a time, and gathers. */
async function inShares(count: number, atOnce: number) {
  const job = join(place, `${count}`)
  const out = join(place, `${count}.safetensors`)
  const plan = await run('plan', ...models, '--out', job)
  const started = performance.now()
  const shares: Measured[] = []
  for (let done = 0; done < count; done += atOnce) {
    const next = Array.from({ length: atOnce }, (_, index) => `${done + index + 1}/${count}`)
    shares.push(...(await Promise.all(next.map((share) => run('work', job, '--share', share, '--threads', '1')))))
  }
  const seconds = (performance.now() - started) / 1000
  const gather = await run('gather', job, '--out', out)
  const cpu = shares.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)
  console.log(
    `${count} shares, ${atOnce} at once: ${seconds.toFixed(1)} s, ${cpu.toFixed(1)} s of processor, peak of one ` +
      `${(Math.max(...shares.map(({ peakBytes }) => peakBytes)) / 1e6).toFixed(0)} MB; ` +
      `plan ${plan.cpuSeconds.toFixed(1)} s, gather ${gather.seconds.toFixed(1)} s (${gather.cpuSeconds.toFixed(1)} s of processor)`,
  )
  return { seconds, cpu, sha256: await hashFile(out) }
}

try {
  const whole = join(place, 'whole.safetensors')
  await run('merge', ...models, '--out', whole) // hashes, and the files' pages
  const one = await inShares(1, 1)
  const two = await inShares(2, 2)
  const eight = await inShares(8, 1)
  const sha256 = await hashFile(whole)
  const isEqual = [one, two, eight].every((shares) => shares.sha256 === sha256)
  const [faster, added] = [one.seconds / two.seconds, eight.cpu / one.cpu - 1]
  const verdict = (good: boolean): string => (good ? 'kept' : 'MISSED')
  console.log(
    `two shares on two cores are ${faster.toFixed(2)} × as fast as one (at least ${LIMITS.faster}: ${verdict(faster >= LIMITS.faster)})`,
  )
  console.log(
    `eight shares add ${(100 * added).toFixed(1)} % of work (at most ${100 * LIMITS.added}: ${verdict(added <= LIMITS.added)})`,
  )
  console.log(`bytes as of one run: ${isEqual ? 'yes' : 'NO'}`)
} finally {
  rmSync(place, { recursive: true, force: true })
}
