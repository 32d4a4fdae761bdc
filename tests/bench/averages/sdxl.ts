// Soup and TIES of an SDXL-sized base and 7 specialists (float16; all components), against the same of SD 1.4-sized UNets:
// time per GB that is read, whole processes flushed to the disk, sources' hashes cached. The base alone
// has random weights, the specialists are sparse files of zeros, so that 8 models fit on a disk: their changes are −w.
//   node scripts/run-ts.mjs tests/bench/averages/sdxl.ts FOLDER [sd14|sdxl METHOD]      FOLDER gets about 17 GB
import { spawnSync } from 'node:child_process'
import { rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { inWords, measureProcess, type Measured } from '../measure/process-tree'
import { SD14, SDXL, writeSyntheticModels, type SyntheticFamily } from '../inputs/synthetic-unets'

const MODELS = 8
const DENSE = 1
const LIMITS = { perGigabyte: 1.3, peakBytes: 1e9 }
const FAMILIES = { sd14: SD14, sdxl: SDXL }
const METHODS = ['soup', 'ties']

const [given = 'out/bench-data', only, onlyMethod] = process.argv.slice(2)
const folder = resolve(given)

const hashed = new Set<SyntheticFamily>()

async function measure(family: SyntheticFamily, method: string): Promise<Measured & { gigabytes: number }> {
  const [base, ...others] = writeSyntheticModels(folder, MODELS, family, DENSE)
  const output = join(folder, 'merged.safetensors')
  const mergeBy = (name: string): string[] => [
    ...[resolve('out/main/cli.js'), 'merge', '--method', name, '--base', base!],
    ...others.flatMap((path, index) => ['--specialist', `m${index + 1}=${path}`]),
    ...['--include', family.components.map(([name]) => name).join(','), '--overwrite', '--out', output],
  ]
  // Fills the cache of hashes, by the method that takes least time.
  if (!hashed.has(family)) spawnSync(process.execPath, mergeBy('soup'))
  hashed.add(family)
  const run = await measureProcess(process.execPath, mergeBy(method))
  rmSync(output)
  return { ...run, gigabytes: (statSync(base!).size * MODELS) / 1e9 }
}

for (const method of onlyMethod ? [onlyMethod] : METHODS) {
  const perGigabyte: number[] = []
  for (const [name, family] of Object.entries(FAMILIES)) {
    if (only !== undefined && name !== only) continue
    const run = await measure(family, method)
    perGigabyte.push(run.seconds / run.gigabytes)
    console.log(`${method} ${name}: ${inWords([run])}; ${(run.seconds / run.gigabytes).toFixed(3)} s per GB read`)
    if (run.peakBytes > LIMITS.peakBytes) console.log(`  MISSED: peak of at most ${LIMITS.peakBytes / 1e6} MB`)
  }
  const [small, large] = perGigabyte
  if (small === undefined || large === undefined) continue
  const verdict = large / small <= LIMITS.perGigabyte ? 'kept' : 'MISSED'
  console.log(
    `${method}: time per GB SDXL / SD 1.4: ${(large / small).toFixed(2)} (at most ${LIMITS.perGigabyte}: ${verdict})`,
  )
}
