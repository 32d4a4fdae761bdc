// TIES or DARE of SD 1.4-sized UNets (base + 3, float16), ours against sd-mecha's closest function and mergekit's: whole
// processes in turn, flushed to the disk, sources' hashes cached as they are on every merge but the first.
//   FEATUREFUSION_PYTHON=…/python node scripts/run-ts.mjs tests/bench/averages/selected-changes.ts FOLDER ties|dare [RUNS]
// FOLDER holds synthetic-unets.ts' files. The Python needs mergekit, too: pip install --no-deps mergekit, and pydantic.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { inWords, measureProcess, median, type Measured } from '../measure/process-tree'
import { writeSyntheticUnets } from '../inputs/synthetic-unets'

const [folder = 'out/bench-data', method = 'ties', runs = '1'] = process.argv.slice(2)
const python = process.env['FEATUREFUSION_PYTHON'] ?? 'python3'
const models = writeSyntheticUnets(resolve(folder), 3)
const [base, ...specialists] = models
const output = join(folder, `${method}.safetensors`)
const named = [
  ...['--method', method, '--density', method === 'ties' ? '0.2' : '0.5', '--base', base!],
  ...specialists.flatMap((path) => ['--specialist', path]),
]
const cli = resolve('out/main/cli.js')
const merge = [cli, 'merge', ...named, '--overwrite', '--out', output]
const others = {
  'sd-mecha': ['tests/bench/averages/sd_mecha_selection.py', method, output, ...models],
  mergekit: ['tests/bench/averages/mergekit_selection.py', method, output, ...models],
}

// Hashes the sources, and says what was forecast.
const [hashed, forecast] = [
  spawnSync(process.execPath, [cli, 'merge', '--method', 'soup', ...named.slice(4), '--overwrite', '--out', output]),
  spawnSync(process.execPath, [...merge, '--dry-run']),
]
if (hashed.status !== 0) throw new Error(String(hashed.stderr))
rmSync(output)
console.log(/Forecast.*/.exec(String(forecast.stdout))?.[0])
const ours: Measured[] = []
const theirs = Object.entries(others).map(([name, args]) => ({ name, args, runs: [] as Measured[] }))
for (let run = 0; run < Number(runs); run++) {
  ours.push(await measureProcess(process.execPath, merge))
  rmSync(output)
  for (const other of theirs) {
    other.runs.push(await measureProcess(python, other.args))
    rmSync(output)
  }
}
console.log(`ours      ${inWords(ours)}`)
for (const { name, runs } of theirs) {
  console.log(`${name.padEnd(8)}  ${inWords(runs)}`)
  const ratio = (of: (side: Measured) => number): string =>
    median(runs.map((other, run) => of(ours[run]!) / of(other))).toFixed(2)
  console.log(
    `${method}, ours / ${name}: time ${ratio(({ seconds }) => seconds)}, processor time ` +
      `${ratio(({ cpuSeconds }) => cpuSeconds)}, peak memory ${ratio(({ peakBytes }) => peakBytes)}`,
  )
}
