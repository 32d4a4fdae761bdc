// Re-weighting and unlearning SD 1.4-sized UNets (base + 3, float16) from contributions, against a soup of the same
// files, beside the merge from scratch: whole processes, flushed to the disk, sources' hashes cached.
//   node scripts/run-ts.mjs tests/bench/averages/reweight.ts FOLDER [SPECIALISTS]      FOLDER holds synthetic-unets.ts' files
// Contributions are computed anew in a cache of its own under FOLDER, which is removed at the end.
import { mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { inWords, measureProcess, median, type Measured } from '../measure/process-tree'
import { writeSyntheticUnets } from '../inputs/synthetic-unets'

const RUNS = 3
const LIMITS = { overSoup: 1.5, firstOverSoup: 3, peakBytes: 700e6 }

const [given = 'out/bench-data', specialists = '3'] = process.argv.slice(2)
const folder = resolve(given)
const [base, ...others] = writeSyntheticUnets(folder, Number(specialists))
const place = mkdtempSync(join(folder, 'reweight-'))
const env = { ...process.env, FEATUREFUSION_CACHE: join(place, 'cache') }
const cli = resolve('out/main/cli.js')
const models = ['--base', base!, ...others.flatMap((path, index) => ['--specialist', `m${index + 1}=${path}`])]

async function measure(command: string[], runs: number): Promise<Measured[]> {
  const output = ['--device', 'cpu', '--overwrite', '--out', join(place, 'out.safetensors')]
  const measured: Measured[] = []
  for (let run = 0; run < runs; run++)
    measured.push(await measureProcess(process.execPath, [cli, ...command, ...models, ...output], env))
  return measured
}

/** What it took, and the median of its seconds. */
async function report(title: string, command: string[], runs: number): Promise<{ seconds: number; peakBytes: number }> {
  const measured = await measure(command, runs)
  console.log(`${title.padEnd(24)} ${inWords(measured)}`)
  return {
    seconds: median(measured.map(({ seconds }) => seconds)),
    peakBytes: Math.max(...measured.map(({ peakBytes }) => peakBytes)),
  }
}

const verdict = (what: string, value: number, digits: number, limit: string, good: boolean): void =>
  console.log(`${what}: ${value.toFixed(digits)} (${limit}: ${good ? 'kept' : 'MISSED'})`)

try {
  await measure(['merge', '--method', 'soup'], 1) // hashes, and the files' pages
  const soup = await report('soup', ['merge', '--method', 'soup'], RUNS)
  const scratch = await report('merge from scratch', ['merge'], 1)
  const first = await report('first --reuse', ['merge', '--reuse'], 1)
  const weights = ['--weight', 'm1=0.5', '--weight', 'base=0.7']
  const reweighted = await report('reweight', ['reweight', ...weights], RUNS)
  const unlearnt = await report('unlearn', ['unlearn', 'm1', '--no-report'], RUNS)
  await report('unlearn with its report', ['unlearn', 'm1'], RUNS)
  const { overSoup, firstOverSoup, peakBytes } = LIMITS
  const ofFirst = first.seconds / soup.seconds
  verdict('time first --reuse / soup', ofFirst, 2, `at most ${firstOverSoup}`, ofFirst <= firstOverSoup)
  for (const [name, { seconds, peakBytes: peak }] of Object.entries({ reweight: reweighted, unlearn: unlearnt })) {
    const ratio = seconds / soup.seconds
    verdict(`time ${name} / soup`, ratio, 2, `at most ${overSoup}`, ratio <= overSoup)
    console.log(`time ${name} / merge from scratch: ${(seconds / scratch.seconds).toFixed(2)}`)
    verdict(`peak of ${name} in MB`, peak / 1e6, 0, `at most ${peakBytes / 1e6}`, peak <= peakBytes)
  }
} finally {
  rmSync(place, { recursive: true, force: true })
}
