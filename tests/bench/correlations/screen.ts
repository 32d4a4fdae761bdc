// FeatureFusion of SD 1.4-sized UNets (base + specialists, float16, default settings) with the screen of ADR 0013, against a
// soup of the same files, and against all products: whole processes, sources' hashes cached. The merges are compared.
//   node scripts/run-ts.mjs tests/bench/correlations/screen.ts FOLDER [SPECIALISTS] [RUNS] [whole|screened]      FOLDER holds synthetic-unets.ts' files
//   node scripts/run-ts.mjs tests/bench/correlations/screen.ts unrelated FOLDER      a base and a model that has nothing to do with it:
// what trying the screen costs where it leaves out little
// Called by itself with `whole OUTPUT BASE SPECIALIST…` for the merge that leaves nothing out.
import { createHash } from 'node:crypto'
import { createReadStream, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { projectSchema } from '../../../src-main/contract/document/project'
import { planMerge } from '../../../src-main/engine/merge/open-model'
import { runMerge } from '../../../src-main/engine/merge/run'
import { inWords, measureProcess, median, type Measured } from '../measure/process-tree'
import { SD14, UNRELATED, writeSyntheticModels, writeSyntheticUnets } from '../inputs/synthetic-unets'

const LIMITS = new Map([
  [4, 3],
  [8, 4],
])

async function mergeWhole([output, ...paths]: string[]): Promise<void> {
  const models = paths.map((path, index) => ({ name: index === 0 ? 'base' : `m${index}`, path }))
  const project = projectSchema.parse({ format: 'featurefusion-project', version: 1, models })
  await runMerge(await planMerge(project), { path: output!, overwrite: true, screens: false })
}

/** sha256 of a merge's tensors: headers have its settings and the time. */
async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  const length = Number((await readStart(path)).readBigUInt64LE())
  await pipeline(createReadStream(path, { start: 8 + length }), hash)
  return hash.digest('hex')
}

async function readStart(path: string): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of createReadStream(path, { end: 7 })) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

async function compare([
  given = 'out/bench-data',
  specialists = '3',
  runs = '3',
  which = 'whole',
]: string[]): Promise<void> {
  const folder = resolve(given)
  const paths = writeSyntheticUnets(folder, Number(specialists))
  const output = join(folder, 'fused.safetensors')
  const [base, ...others] = paths
  const models = ['--base', base!, ...others.flatMap((path, index) => ['--specialist', `m${index + 1}=${path}`])]
  const merge = (method: string): string[] => [
    ...[resolve('out/main/cli.js'), 'merge', '--method', method, ...models],
    ...['--device', 'cpu', '--overwrite', '--out', output],
  ]
  const measured: Record<string, Measured[]> = { soup: [], featurefusion: [] }
  const hashes = new Set<string>()
  for (let run = 0; run < Number(runs); run++)
    for (const [method, all] of Object.entries(measured)) {
      all.push(await measureProcess(process.execPath, merge(method)))
      if (method === 'featurefusion') hashes.add(await hashOf(output))
      rmSync(output)
    }
  for (const [method, all] of Object.entries(measured)) console.log(`${method.padEnd(14)} ${inWords(all)}`)
  const ratios = measured['featurefusion']!.map(({ seconds }, run) => seconds / measured['soup']![run]!.seconds)
  const limit = LIMITS.get(paths.length)
  const verdict = limit === undefined ? '' : ` (at most ${limit}: ${median(ratios) <= limit ? 'kept' : 'MISSED'})`
  console.log(`time FeatureFusion / soup: ${median(ratios).toFixed(2)}${verdict}`)
  if (which === 'whole') {
    const own = [
      resolve('scripts/run-ts.mjs'),
      resolve('tests/bench/correlations/screen.ts'),
      'whole',
      output,
      ...paths,
    ]
    console.log(`all products   ${inWords([await measureProcess(process.execPath, own)])}`)
    hashes.add(await hashOf(output))
    rmSync(output)
  }
  console.log(hashes.size === 1 ? 'all merges are equal, byte by byte' : `MISSED: ${hashes.size} different merges`)
}

/** The merge with a screen and without, of models whose rows do not resemble each other. */
async function compareUnrelated([given = 'out/bench-data']: string[]): Promise<void> {
  const folder = resolve(given)
  const [base, other] = [SD14, UNRELATED].map((family) => writeSyntheticModels(folder, 1, family)[0]!)
  const output = join(folder, 'unrelated.safetensors')
  const merges = {
    screened: [
      ...[resolve('out/main/cli.js'), 'merge', '--base', base!, '--specialist', `m1=${other}`],
      ...['--device', 'cpu', '--overwrite', '--out', output],
    ],
    'all products': [
      resolve('scripts/run-ts.mjs'),
      resolve('tests/bench/correlations/screen.ts'),
      'whole',
      output,
      base!,
      other!,
    ],
  }
  const hashes = new Set<string>()
  const measured: Measured[] = []
  for (const [name, command] of Object.entries(merges)) {
    measured.push(await measureProcess(process.execPath, command))
    console.log(`${name.padEnd(14)} ${inWords(measured.slice(-1))}`)
    hashes.add(await hashOf(output))
    rmSync(output)
  }
  const [screened, whole] = measured
  console.log(`time screened / all products: ${(screened!.seconds / whole!.seconds).toFixed(2)}`)
  console.log(hashes.size === 1 ? 'both merges are equal, byte by byte' : 'MISSED: different merges')
}

const [first, ...rest] = process.argv.slice(2)
if (first === 'whole') await mergeWhole(rest)
else if (first === 'unrelated') await compareUnrelated(rest)
else await compare(process.argv.slice(2))
