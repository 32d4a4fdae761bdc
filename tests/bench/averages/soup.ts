// A soup of SD 1.4-sized UNets (base + 3, float16), ours against sd-mecha's n_average: whole processes in turn, flushed
// to the disk, sources' hashes cached as they are on every merge but the first.
//   FEATUREFUSION_PYTHON=…/python node scripts/run-ts.mjs tests/bench/averages/soup.ts FOLDER [RUNS]      FOLDER holds synthetic-unets.ts' files
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { inWords, measureProcess, median, type Measured } from '../measure/process-tree'
import { writeSyntheticUnets } from '../inputs/synthetic-unets'

const [folder = 'out/bench-data', runs = '3'] = process.argv.slice(2)
const python = process.env['FEATUREFUSION_PYTHON'] ?? 'python3'
const [base, ...specialists] = writeSyntheticUnets(resolve(folder), 3)
const cli = resolve('out/main/cli.js')
const output = join(folder, 'soup.safetensors')
const ours = [
  cli,
  'merge',
  '--method',
  'soup',
  '--base',
  base!,
  ...specialists.flatMap((path) => ['--specialist', path]),
  '--overwrite',
  '--out',
  output,
]

const measured: { ours: Measured[]; mecha: Measured[] } = { ours: [], mecha: [] }
spawnSync(process.execPath, ours)
for (let run = 0; run < Number(runs); run++) {
  measured.ours.push(await measureProcess(process.execPath, ours))
  rmSync(output)
  measured.mecha.push(
    await measureProcess(python, [join('tests/bench/averages/sd_mecha_average.py'), output, base!, ...specialists]),
  )
  rmSync(output)
}
const ratios = measured.ours.map(({ seconds }, run) => seconds / measured.mecha[run]!.seconds)
const cpu = measured.ours.map(({ cpuSeconds }, run) => cpuSeconds / measured.mecha[run]!.cpuSeconds)
const peaks = [measured.ours, measured.mecha].map((side) => Math.max(...side.map(({ peakBytes }) => peakBytes)))
console.log(`ours      ${inWords(measured.ours)}`)
console.log(`sd-mecha  ${inWords(measured.mecha)}`)
console.log(
  `time ours / sd-mecha: ${median(ratios).toFixed(2)}, processor time ${median(cpu).toFixed(2)}; peak memory: ${(peaks[0]! / peaks[1]!).toFixed(2)}`,
)
